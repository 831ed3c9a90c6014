{# USES_VARIABLES { N, x, x_start, partner, block_start, P_start, pending_start, max_pending,
                    P_packed, pending_k, pending_c, P_scale, pending, alpha_P, forgetting, probability,
                    divided, learning, update_every, start_step, stop_step, seed, fresh, n_updates,
                    diverged_step, t_in_timesteps } #}
{% extends 'common_group.pyx' %}
{% set _scalar = cpp_dtype(variables['P_packed'].dtype) %}

{% block template_support_code %}
from libc.stdint cimport int32_t as _int32
from libcpp.vector cimport vector as _vector
cdef extern from *:
    r"""
    {% filter indent(4) %}
    {% include 'tsim_chance.h' %}

    {% include 'tsim_rls.h' %}

    {% endfilter %}
    """
    double _chance "tsim::chance"(long, long)
    bint _is_far "tsim::rls::is_far"(size_t)
    cdef cppclass _Block "tsim::rls::Block<{{_scalar}}>":
        long n
        {{_scalar}}* P
        {{_scalar}}* K
        long stride
        {{_scalar}}* c
        {{_scalar}}* scale
        _int32* count
        bint far
    {{_scalar}} _gain_of "tsim::rls::gain<{{_scalar}}>"(_Block, {{_scalar}}*, {{_scalar}}*)
    void _push "tsim::rls::push<{{_scalar}}>"(_Block, {{_scalar}}*, {{_scalar}}, {{_scalar}})
cdef extern from "math.h":
    bint _isfinite "isfinite"(double)
{% endblock %}

{% block maincode %}
    cdef long _step = {{t_in_timesteps}}
    cdef long _b, _i, _j, _n, _row, _c_start = 0
    cdef bint _finite = True
    cdef {{_scalar}} _c, _gain, _e, _largest_k, _largest_error = 0
    cdef _Block _block
    cdef _vector[{{_scalar}}] _r
    cdef _vector[{{_scalar}}] _k
    if not ({{learning}} and {{start_step}} <= _step < {{stop_step}} and _step % {{update_every}} == 0
            and ({{probability}} >= 1 or _chance({{seed}}, _step) < {{probability}})):
        return
    if {{fresh}}:
        for _b in range(N):
            _n = {{block_start}}[_b + 1] - {{block_start}}[_b]
            for _i in range(_n):
                for _j in range(_i):
                    {{P_packed}}[{{P_start}}[_b] + _i*(_i + 1)//2 + _j] = 0
                {{P_packed}}[{{P_start}}[_b] + _i*(_i + 1)//2 + _i] = {{alpha_P}}
            {{P_scale}}[_b] = 1
            {{pending}}[_b] = 0
        {{fresh}} = 0
    {% for m in range(n_maps) %}
    {% set error = get_array_name(variables['error_' ~ m]) %}
    for _row in range(_num{{error}}):
        _finite = _finite and _isfinite({{error}}[_row])
        _largest_error = max(_largest_error, abs({{error}}[_row]))
    {% endfor %}
    for _b in range(N):
        if not _finite:
            break
        _n = {{block_start}}[_b + 1] - {{block_start}}[_b]
        _r.resize(_n)
        _k.resize(_n)
        for _j in range(_n):
            _r[_j] = {{x}}[x_start + {{partner}}[{{block_start}}[_b] + _j]]
        _block.n = _n
        _block.P = &{{P_packed}}[{{P_start}}[_b]]
        _block.K = &{{pending_k}}[{{pending_start}}[_b]]
        _block.stride = _n
        _block.c = &{{pending_c}}[_c_start]
        _block.scale = &{{P_scale}}[_b]
        _block.count = <_int32*>&{{pending}}[_b]
        _block.far = _is_far({{P_start}}[N]*sizeof({{_scalar}}))
        _c_start += {{max_pending}}[_b]
        _c = 1/(<{{_scalar}}>{{forgetting}} + _gain_of(_block, &_r[0], &_k[0]))
        _gain = _c if {{divided}} else 1
        _largest_k = 0
        for _j in range(_n):
            _largest_k = max(_largest_k, abs(_k[_j]))
        # looked at before anything is written, so that what was good stays
        _finite = _c > 0 and _isfinite(_c) and _isfinite(_gain*_largest_k*_largest_error)
        if not _finite:
            break
        {% for m in range(n_maps) %}
        {% set block_rows = get_array_name(variables['block_rows_' ~ m]) %}
        for _i in range({{block_rows}}[_b], {{block_rows}}[_b + 1]):
            _row = {{get_array_name(variables['rows_' ~ m])}}[_i]
            _e = _gain*{{get_array_name(variables['error_' ~ m])}}[_row]
            for _j in range(_n):
                {{get_array_name(variables['w_' ~ m])}}[
                    {{get_array_name(variables['row_start_' ~ m])}}[_row] + _j] -= _e*_k[_j]
        {% endfor %}
        _push(_block, &_k[0], _c, {{forgetting}})
    if _finite:
        {{n_updates}} += 1
    else:
        {{diverged_step}} = _step
        _owner.stop_run()
{% endblock %}

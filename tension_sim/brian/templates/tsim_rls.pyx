{# USES_VARIABLES { N, x, x_start, partner, block_start, P_start, pending_start, term_start, P_packed, pending_k,
                    pending_c, P_scale, pending, alpha_P, forgetting, relaxation, probability, divided, learning,
                    update_every, start_step, stop_step, seed, fresh, n_updates, diverged_step, t_in_timesteps } #}
{% extends 'common_group.pyx' %}
{% set _scalar = cpp_dtype(variables['P_packed'].dtype) %}
{% set _rate = cpp_dtype(variables['x'].dtype) %}
{% macro _pointer(name, type='int32_t') %}<{{type}}*>{{get_array_name(variables[name])}}{% endmacro %}

{% block template_support_code %}
cdef extern from *:
    r"""
    {% filter indent(4) %}
    {% include 'tsim_random.h' %}

    {% include 'tsim_sums.h' %}

    {% include 'tsim_dense.h' %}

    {% include 'tsim_rls.h' %}

    {% include 'tsim_rls_update.h' %}

    {% endfilter %}
    """
    bint _due "tsim::due"(int64_t, bint, int64_t, int64_t, int64_t, double, int64_t)
    cdef cppclass _Map "tsim::rls::Map<{{_scalar}}>":
        {{_scalar}}* error
        int32_t* rows
        int64_t* block_rows
        {{_scalar}}* w
        int64_t* row_start
        {{_scalar}}* factor
        {{_scalar}}* kept
    cdef cppclass _Problem "tsim::rls::Problem<{{_scalar}}, {{_rate}}, {{n_maps}}>":
        int64_t n_blocks
        int32_t* partner
        int64_t *block_start, *P_start, *pending_start, *term_start
        {{_rate}}* x
        {{_scalar}} *P, *pending_k, *pending_c, *P_scale
        int32_t* pending
        {{_scalar}} forgetting, relaxation
        double* alpha
        bint alpha_each, divided
        int32_t *sign, *block_of
        _Map map[{{n_maps}}]
        bint by_synapse, in_parts
        int32_t* group
        double* row_sum
    void _start "tsim::rls::start"(_Problem)
    bint _update "tsim::rls::update"(_Problem)
{% endblock %}

{% block maincode %}
    cdef int64_t _step = {{t_in_timesteps}}
    cdef _Problem _problem
    if not _due(_step, {{learning}}, {{start_step}}, {{stop_step}}, {{update_every}}, {{probability}}, {{seed}}):
        return
    _problem.n_blocks = {{constant_or_scalar('N', variables['N'])}}
    {% for name in ('block_start', 'P_start', 'pending_start', 'term_start') %}
    _problem.{{name}} = {{_pointer(name, 'int64_t')}}
    {% endfor %}
    _problem.partner = {{_pointer('partner')}}
    _problem.x = {{_pointer('x', _rate)}} + <size_t>x_start
    _problem.P = {{_pointer('P_packed', _scalar)}}
    {% for name in ('pending_k', 'pending_c', 'P_scale') %}
    _problem.{{name}} = {{_pointer(name, _scalar)}}
    {% endfor %}
    _problem.pending = {{_pointer('pending')}}
    _problem.forgetting = {{forgetting}}
    _problem.relaxation = {{relaxation}}
    _problem.alpha = {{_pointer('alpha_P', 'double')}}
    _problem.alpha_each = {{alpha_each}}
    _problem.divided = {{divided}} != 0
    _problem.by_synapse = {{'True' if by_synapse else 'False'}}
    _problem.in_parts = {{'True' if in_parts else 'False'}}
    _problem.sign = {{_pointer('sign') if signed else 'NULL'}}
    _problem.group = {{_pointer('group_of') if grouped else 'NULL'}}
    _problem.row_sum = {{_pointer('row_sum', 'double') if grouped else 'NULL'}}
    _problem.block_of = {{_pointer('block_of') if by_source else 'NULL'}}
    {% for m in range(n_maps) %}
    _problem.map[{{m}}].error = {{_pointer('error_' ~ m, _scalar)}}
    _problem.map[{{m}}].rows = {{_pointer('rows_' ~ m)}}
    _problem.map[{{m}}].block_rows = {{_pointer('block_rows_' ~ m, 'int64_t')}}
    _problem.map[{{m}}].w = {{_pointer('w_' ~ m, _scalar)}}
    _problem.map[{{m}}].row_start = {{_pointer('row_start_' ~ m, 'int64_t')}}
    _problem.map[{{m}}].factor = {{_pointer('factor_' ~ m, _scalar) if factors[m] else 'NULL'}}
    _problem.map[{{m}}].kept = NULL
    {% endfor %}
    if {{fresh}}:
        _start(_problem)
        {{fresh}} = 0
    if _update(_problem):
        {{n_updates}} += 1
    else:
        {{diverged_step}} = _step
        _owner.stop_run()
{% endblock %}

{# USES_VARIABLES { N, x, x_start, partner, block_start, P_start, pending_start, max_pending,
                    P_packed, pending_k, pending_c, P_scale, pending, alpha_P, forgetting, probability,
                    divided, learning, update_every, start_step, stop_step, seed, fresh, n_updates,
                    diverged_step, t_in_timesteps } #}
{% extends 'common_group.cpp' %}
{% set _scalar = c_data_type(variables['P_packed'].dtype) %}

{% block extra_headers %}
#include <algorithm>
#include <cmath>
#include <vector>
{% include 'tsim_chance.h' %}

{% include 'tsim_rls.h' %}

{% endblock %}

{% block maincode %}
    const int64_t _step = {{t_in_timesteps}};
    if ({{learning}} && _step >= {{start_step}} && _step < {{stop_step}} && _step % {{update_every}} == 0
        && ({{probability}} >= 1 || tsim::chance({{seed}}, _step) < {{probability}}))
    {
        if ({{fresh}})
        {
            for (int64_t _b = 0; _b < N; _b++)
            {
                {{_scalar}}* _P = {{P_packed}} + {{P_start}}[_b];
                for (int64_t _i = 0; _i < {{block_start}}[_b + 1] - {{block_start}}[_b]; _i++)
                {
                    for (int64_t _j = 0; _j < _i; _j++)
                        *_P++ = 0;
                    *_P++ = {{alpha_P}};
                }
                {{P_scale}}[_b] = 1;
                {{pending}}[_b] = 0;
            }
            {{fresh}} = 0;
        }
        bool _finite = true;
        {{_scalar}} _largest_error = 0;
        {% for m in range(n_maps) %}
        for (int64_t _row = 0; _row < _numerror_{{m}}; _row++)
        {
            const {{_scalar}} _e = {{get_array_name(variables['error_' ~ m])}}[_row];
            _finite = _finite && std::isfinite(_e);
            _largest_error = std::max(_largest_error, std::abs(_e));
        }
        {% endfor %}
        const bool _far = tsim::rls::is_far({{P_start}}[N]*sizeof({{_scalar}}));
        int64_t _c_start = 0;
        static std::vector<{{_scalar}}> _r, _k;
        for (int64_t _b = 0; _b < N && _finite; _b++)
        {
            const int64_t _n = {{block_start}}[_b + 1] - {{block_start}}[_b];
            const int32_t* _partner = {{partner}} + {{block_start}}[_b];
            if ((int64_t)_r.size() < _n)
            {
                _r.resize(_n);
                _k.resize(_n);
            }
            for (int64_t _j = 0; _j < _n; _j++)
                _r[_j] = {{x}}[x_start + _partner[_j]];
            const tsim::rls::Block<{{_scalar}}> _block = {
                _n, {{P_packed}} + {{P_start}}[_b], {{pending_k}} + {{pending_start}}[_b], _n,
                {{pending_c}} + _c_start, {{P_scale}} + _b, {{pending}} + _b, _far };
            _c_start += {{max_pending}}[_b];
            const {{_scalar}} _c = 1/({{_scalar}}({{forgetting}}) + tsim::rls::gain(_block, &_r[0], &_k[0]));
            const {{_scalar}} _gain = {{divided}} ? _c : {{_scalar}}(1);
            {{_scalar}} _largest_k = 0;
            for (int64_t _j = 0; _j < _n; _j++)
                _largest_k = std::max(_largest_k, std::abs(_k[_j]));
            // looked at before anything is written, so that what was good stays
            _finite = _c > 0 && std::isfinite(_c) && std::isfinite(_gain*_largest_k*_largest_error);
            if (!_finite)
                break;
            {% for m in range(n_maps) %}
            for (int64_t _i = {{get_array_name(variables['block_rows_' ~ m])}}[_b];
                 _i < {{get_array_name(variables['block_rows_' ~ m])}}[_b + 1]; _i++)
            {
                const int64_t _row = {{get_array_name(variables['rows_' ~ m])}}[_i];
                const {{_scalar}} _e = _gain*{{get_array_name(variables['error_' ~ m])}}[_row];
                {{_scalar}}* _w = {{get_array_name(variables['w_' ~ m])}}
                    + {{get_array_name(variables['row_start_' ~ m])}}[_row];
                for (int64_t _j = 0; _j < _n; _j++)
                    _w[_j] -= _e*_k[_j];
            }
            {% endfor %}
            tsim::rls::push(_block, &_k[0], _c, {{_scalar}}({{forgetting}}));
        }
        if (_finite)
            {{n_updates}} += 1;
        else
        {
            {{diverged_step}} = _step;
            Network::_globally_stopped = true;
        }
    }
{% endblock %}

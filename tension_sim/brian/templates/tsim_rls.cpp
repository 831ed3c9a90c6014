{# USES_VARIABLES { N, x, x_start, partner, block_start, P_start, pending_start, term_start, P_packed, pending_k,
                    pending_c, P_scale, pending, alpha_P, forgetting, relaxation, probability, divided, learning,
                    update_every, start_step, stop_step, seed, fresh, n_updates, diverged_step, t_in_timesteps } #}
{% extends 'common_group.cpp' %}
{% set _scalar = c_data_type(variables['P_packed'].dtype) %}
{% macro _pointer(name) %}{{get_array_name(variables[name])}}{% endmacro %}

{% block extra_headers %}
{% include 'tsim_random.h' %}

{% include 'tsim_sums.h' %}

{% include 'tsim_dense.h' %}

#define TSIM_RLS_NUMBERS {{numbers}}
#define TSIM_RLS_N {{partners}}
#define TSIM_RLS_IN_PARTS {{'1' if in_parts else '0'}}

{% include 'tsim_rls.h' %}

{% include 'tsim_rls_update.h' %}

{% endblock %}

{% block maincode %}
    const int64_t _step = {{t_in_timesteps}};
    if (tsim::due(_step, {{learning}}, {{start_step}}, {{stop_step}}, {{update_every}}, {{probability}}, {{seed}}))
    {
        tsim::rls::Problem<{{_scalar}}, {{c_data_type(variables['x'].dtype)}}, {{n_maps}}> _problem = {
            {{constant_or_scalar('N', variables['N'])}}, {{partner}}, {{block_start}}, {{P_start}}, {{pending_start}}, {{term_start}}, {{x}} + x_start,
            {{P_packed}}, {{pending_k}}, {{pending_c}}, {{P_scale}}, {{pending}},
            ({{_scalar}}){{forgetting}}, ({{_scalar}}){{relaxation}}, {{_pointer('alpha_P')}},
            {{'true' if alpha_each else 'false'}}, {{divided}} != 0,
            {{_pointer('sign') if signed else 0}}, {{_pointer('block_of') if by_source else 0}},
            {
                {% for m in range(n_maps) %}
                { {{_pointer('error_' ~ m)}}, {{_pointer('rows_' ~ m)}}, {{_pointer('block_rows_' ~ m)}},
                  {{_pointer('w_' ~ m)}}, {{_pointer('row_start_' ~ m)}},
                  {{_pointer('factor_' ~ m) if factors[m] else 0}},
                  {{_pointer('kept_' ~ m) ~ ' + ' ~ kept[m] if kept[m] is not none else 0}} },
                {% endfor %}
            },
            {{'true' if by_synapse else 'false'}}, {{'true' if in_parts else 'false'}},
            {{_pointer('group_of') if grouped else 0}}, {{_pointer('row_sum') if grouped else 0}}
        };
        if ({{fresh}})
        {
            tsim::rls::start(_problem);
            {{fresh}} = 0;
        }
        if (tsim::rls::update(_problem))
            {{n_updates}} += 1;
        else
        {
            {{diverged_step}} = _step;
            Network::_globally_stopped = true;
        }
    }
{% endblock %}

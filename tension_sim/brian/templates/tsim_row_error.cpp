{# USES_VARIABLES { N, _learning, _start_step, _stop_step, _update_every, _probability, _seed, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
{% include 'tsim_random.h' %}

{% endblock %}

{% block maincode %}
    if (tsim::due({{t_in_timesteps}}, {{_learning}}, {{_start_step}}, {{_stop_step}}, {{_update_every}},
                  {{_probability}}, {{_seed}}))
    {
        // scalar code
        const size_t _vectorisation_idx = -1;
        {{scalar_code|autoindent}}

        {{openmp_pragma('parallel-static')}}
        for (int _idx = 0; _idx < N; _idx++)
        {
            // vector code
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
        }
    }
{% endblock %}

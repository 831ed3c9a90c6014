{# USES_VARIABLES { N, _learning, _start_step, _stop_step, _update_every, _probability, _seed, t_in_timesteps } #}
{# Launched at the steps of an update; at every step where the device changes the schedule: that is faster than to ask. #}
{% extends 'stateupdate.cu' %}
{% macro _host(name) %}{{get_array_name(variables[name], access_data=False)}}[0]{% endmacro %}

{% block extra_headers %}
{% include 'tsim_random_cuda.h' %}

{% endblock %}

{% block kernel_call %}
    {% if owner.schedule_is_its_own %}
    if (tsim::due({{_host('t_in_timesteps')}}, {{_host('_learning')}}, {{_host('_start_step')}}, {{_host('_stop_step')}},
                  {{_host('_update_every')}}, {{_host('_probability')}}, {{_host('_seed')}}))
    {% endif %}
    {
    {{ super() }}
    }
{% endblock %}

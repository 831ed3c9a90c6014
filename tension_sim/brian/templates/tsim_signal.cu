{# USES_VARIABLES { N, samples, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}
{% macro _dev(name) %}{{get_array_name(variables[name], prefix='dev')}}{% endmacro %}

{% block before_run_host_maincode %}
    {# Run arguments give the host's vector the length of their file; they are then copied to the device. #}
    THRUST_CHECK_ERROR(dev{{_dynamic_samples}}.resize({{_dynamic_samples}}.size()));
{% endblock %}

{% block extra_headers %}
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    TSIM_LAUNCH(tsim::play, tsim::blocks_for(N), TSIM_THREADS,
        N, (int64_t)dev{{_dynamic_samples}}.size()/N, {{get_array_name(variables['t_in_timesteps'], prefix='')}}[0],
        {{_dev('first_step')}}, {{_dev('every')}}, {{_dev('periodic')}}, {{_dev('samples')}}, {{_dev('value')}});
{% endblock %}

{# Base of what a rule does on CUDA at the steps of its updates. The host asks whether one is due, where nothing but the
   host changes the schedule; the kernels are given the schedule of the device and ask again. #}
{% extends 'tsim_host.cu' %}
{% macro _schedule_of(prefix) %}
{ {% for name in ('learning', 'start_step', 'stop_step', 'update_every', 'probability', 'seed') -%}
{{get_array_name(variables[name], prefix=prefix)}}{{', ' if not loop.last}}
{%- endfor %} }
{%- endmacro %}

{% block extra_headers %}
#include <algorithm>
{% include 'tsim_random_cuda.h' %}

{% include 'tsim_cuda.h' %}

{% include 'tsim_rls_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    const int64_t _step = {{_host('t_in_timesteps')}}[0];
    {% if owner.schedule_is_its_own %}
    const tsim::rls::Schedule _on_host = {{_schedule_of('')}};
    if (tsim::rls::due(_step, _on_host))
    {% endif %}
    {
        const tsim::rls::Schedule _schedule = {{_schedule_of('dev')}};
        {% block at_updates %}
        {% endblock %}
    }
{% endblock %}

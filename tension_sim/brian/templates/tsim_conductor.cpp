{# USES_VARIABLES { stop_step, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
#include <chrono>
#include <cstdio>
#include "tsim_process.h"
{% endblock %}

{% block maincode %}
    const int64_t _step = {{t_in_timesteps}}, _stop = {{stop_step}};
    {% include 'tsim_conductor.h' %}

{% endblock %}

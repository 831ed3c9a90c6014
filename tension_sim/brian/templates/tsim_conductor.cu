{# USES_VARIABLES { N, stop_step, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}

{% block extra_headers %}
#include <chrono>
#include <cstdio>
#include "tsim_process.h"
{% endblock %}

{% block host_maincode %}
    const int64_t _step = {{_host('t_in_timesteps')}}[0], _stop = {{_host('stop_step')}}[0];
    {% include 'tsim_conductor.h' %}

    if (Network::_globally_stopped)  // the time that is told is that of the device, too
        CUDA_SAFE_CALL(cudaDeviceSynchronize());

{% endblock %}

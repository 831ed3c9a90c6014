{# USES_VARIABLES { N, stop_step, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}

{% block extra_headers %}
#include <chrono>
#include <cstdio>
#include "tsim_process.h"
{% endblock %}

{% block host_maincode %}
    const int64_t _step = {{get_array_name(variables['t_in_timesteps'], prefix='')}}[0];
    if (_step + 1 >= {{get_array_name(variables['stop_step'], prefix='')}}[0])
        Network::_globally_stopped = true;
    if (tsim::stop_wanted())
    {
        std::printf("stopped\n");
        Network::_globally_stopped = true;
    }
    if (_step % 64 == 0)
    {
        static std::chrono::steady_clock::time_point _last = std::chrono::steady_clock::now();
        const std::chrono::steady_clock::time_point _now = std::chrono::steady_clock::now();
        if (_now - _last > std::chrono::milliseconds(200))
        {
            _last = _now;
            std::printf("step %lld\n", (long long)_step);
            std::fflush(stdout);
        }
    }
{% endblock %}

{# USES_VARIABLES { stop_step, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
#include <chrono>
#include <cstdio>
#include "tsim_process.h"
{% endblock %}

{% block maincode %}
    const int64_t _step = {{t_in_timesteps}};
    if (_step + 1 >= {{stop_step}})
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

{# USES_VARIABLES { stop_step, t_in_timesteps, watch_block, watch_sample, watch_error, watch_spikes } #}
{% extends 'common_group.cpp' %}
{% macro _pointer(name) %}{{get_array_name(variables[name])}}{% endmacro %}

{% block extra_headers %}
#include <algorithm>
#include <chrono>
#include <cstdio>
#include "tsim_process.h"
{% include 'tsim_watch.h' %}

{% endblock %}

{% block maincode %}
    const int64_t _step = {{t_in_timesteps}}, _stop = {{stop_step}};
    {% include 'tsim_conductor.h' %}

    if ({{watch_sample}} || {{watch_block}})
    {
        static tsim::Frames _frames;
        double _error = 0;
        int64_t _spikes = 0;
        {% for one in outputs %}
        {% if one.compared %}
        for (int64_t _j = 0; _j < {{one.size}}; _j++)
        {
            const double _difference = (double){{_pointer('z_' ~ loop.index0)}}[{{one.start}} + _j] - (double){{_pointer('y_' ~ loop.index0)}}[_j];
            _error += _difference * _difference;
        }
        {% endif %}
        {% endfor %}
        {% for g in range(n_spiking) %}
        _spikes += {{_pointer('spikes_' ~ g)}}[{{sizes[g]}}];
        {% endfor %}
        {{watch_error}} += _error;
        {{watch_spikes}} += _spikes;
        const auto _norms = [&](double& _weights, double& _P)
        {
            _weights = 0, _P = 0;
            {% for n in weights %}
            _weights += tsim::sum_of_squares({{_pointer('w_' ~ loop.index0)}}, {{n}});
            {% endfor %}
            _weights = std::sqrt(_weights);
            {% for rule in rules %}
            {% set r = loop.index0 %}
            if (*{{_pointer('fresh_' ~ r)}})
                {% if rule.grouped %}
                _P = NAN;  // P(0) is more than a diagonal
                {% else %}
                for (int64_t _i = 0; _i < {{rule.partners}}; _i++)
                    _P += {{_pointer('alpha_P_' ~ r)}}[{{(_pointer('partner_' ~ r) ~ '[_i]') if rule.alpha_each else '0'}}];
                {% endif %}
            else
                _P += tsim::trace({{rule.blocks}}, {{_pointer('block_start_' ~ r)}}, {{_pointer('P_start_' ~ r)}}, {{_pointer('pending_start_' ~ r)}},
                                  {{_pointer('term_start_' ~ r)}}, {{_pointer('P_packed_' ~ r)}}, {{_pointer('pending_k_' ~ r)}},
                                  {{_pointer('pending_c_' ~ r)}}, {{_pointer('P_scale_' ~ r)}}, {{_pointer('pending_' ~ r)}});
            {% endfor %}
        };
        if ({{watch_sample}})
        {
            _frames.error += _error, _frames.spikes += _spikes, _frames.steps++;
            {% if shown %}
            if (_step % {{watch_sample}} == 0)
                _frames.sample({{shown + 1}}, [&](double* _row)
                {
                    *_row++ = (double)_step;
                    {% for one in outputs %}
                    for (int64_t _j = 0; _j < {{one.shown}}; _j++)
                        *_row++ = (double){{_pointer('z_' ~ loop.index0)}}[{{one.start}} + _j];
                    {% endfor %}
                });
            {% endif %}
            if (Network::_globally_stopped || (_step % 8 == 0 && _frames.due()))
                _frames.show(_step + 1, {{shown + 1}}, _norms);
        }
        if ({{watch_block}} && (_step + 1) % {{watch_block}} == 0)
        {
            double _weights, _P;
            _norms(_weights, _P);
            if (!tsim::goes_on(_step + 1, {{watch_block}}, {{watch_error}}, {{watch_spikes}}, _weights, _P))
                Network::_globally_stopped = true;
            {{watch_error}} = 0;
            {{watch_spikes}} = 0;
        }
        if (Network::_globally_stopped)
            std::printf("left %.17g %lld\n", {{watch_error}}, (long long){{watch_spikes}});
    }
{% endblock %}

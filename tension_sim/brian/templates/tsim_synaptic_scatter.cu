{# USES_VARIABLES { N, w, learning, start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'tsim_at_updates.cu' %}

{% block extra_headers %}
{{ super() }}
{% include 'tsim_synaptic_cuda.h' %}

{% endblock %}

{% block at_updates %}
        {% for s in range(parts) %}
        const int64_t _count_{{s}} = {{constant_or_scalar('n_synapses_%d' % s, variables['n_synapses_%d' % s])}};
        if (_count_{{s}} > 0)
            TSIM_LAUNCH(tsim::synaptic::scatter, tsim::blocks_for(_count_{{s}}), TSIM_THREADS, _count_{{s}},
                        {{_dev('slot_%d' % s)}}, {{_dev('w')}}, {{_dev('weight_%d' % s)}}, _step, _schedule);
        {% endfor %}
{% endblock %}

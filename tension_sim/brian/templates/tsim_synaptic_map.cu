{# USES_VARIABLES { N, w, row_start, x, partner, block_start, P_start, pending_start, term_start, max_pending, rows_0,
                    block_rows_0, P_packed, pending_k, pending_c, P_scale, pending, n_blocks, fresh, rewired, learning,
                    start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'tsim_at_updates.cu' %}
{% macro _to_device(name) %}
    CUDA_SAFE_CALL(cudaMemcpy({{_dev(name)}}, {{_host(name)}}, {{variables[name].size}}*sizeof(*{{_host(name)}}),
                              cudaMemcpyHostToDevice));
{% endmacro %}
{% macro _resize(name, size) %}
    {{_host(name)}}.resize({{size}});
    THRUST_CHECK_ERROR(dev{{_host(name)}}.resize({{size}}));
{% endmacro %}

{% block before_run_headers %}
{{ super() }}
{% include 'tsim_rls.h' %}

{% include 'tsim_synaptic_blocks.h' %}

{% endblock %}

{# Finds rows and blocks of P on the host, as long as nothing was learned; afterwards they must be the same. #}
{% block before_run_host_maincode %}
    CUDA_SAFE_CALL(cudaMemcpy({{_host('fresh')}}, {{_dev('fresh')}}, sizeof(*{{_host('fresh')}}),
                              cudaMemcpyDeviceToHost));
    tsim::synaptic::Wiring _wiring({{variables["N"].value}}, {{'true' if by_synapse else 'false'}});
    {% for part in parts %}
    {% set s = loop.index0 %}
    {% if part.trainable %}
    {{_host('trainable_%d' % s)}} = dev{{_host('trainable_%d' % s)}};
    {% endif %}
    thrust::host_vector<int32_t> _slot_{{s}};
    _wiring.add({{_host('pre_%d' % s)}}, {{part.shift}}, {{_host('post_%d' % s)}}, {{part.target_start}},
                {{'&' ~ _host('trainable_%d' % s) if part.trainable else '(const std::vector<char>*)0'}}, _slot_{{s}});
    {% endfor %}
    _wiring.order();
    if (!{{_host('fresh')}}[0])
    {
        {% for part in parts %}
        if (_slot_{{loop.index0}} != {{_host('slot_%d' % loop.index0)}}) {{_host('rewired')}}[0] = 1;
        {% endfor %}
        {{_to_device('rewired')}}
        return;
    }
    {% for part in parts %}
    {% set slot = _host('slot_%d' % loop.index0) %}
    {{slot}} = _slot_{{loop.index0}};
    dev{{slot}} = {{slot}};
    {% endfor %}
    const thrust::host_vector<int64_t> _given = {{_host('block_start')}};
    const bool _is_given = {{_host('n_blocks')}}[0] == 0 && _given.size() > 1;
    const int64_t _learn = _wiring.find({{_host('partner')}}, {{_host('block_start')}}, {{_host('rows_0')}},
                                        {{_host('block_rows_0')}}, {{_host('row_start')}});
    {{_host('n_blocks')}}[0] = _wiring.measure({{_host('block_start')}}, {{_host('P_start')}},
                                               {{_host('pending_start')}}, {{_host('term_start')}},
                                               {{_host('max_pending')}});
    {% for name in ('partner', 'block_start', 'rows_0', 'block_rows_0', 'P_start', 'pending_start', 'term_start',
                    'max_pending') %}
    dev{{_host(name)}} = {{_host(name)}};
    {% endfor %}
    {{_to_device('row_start')}}
    {{_to_device('n_blocks')}}
    {{_resize('w', '_learn')}}
    {% if by_synapse %}
    {{_resize('x', '_learn')}}
    {% endif %}
    {% if has_factor %}
    {{_resize('factor', '_learn')}}
    {% endif %}
    {{_resize('P_packed', _host('P_start') ~ '.back()')}}
    {{_resize('pending_k', _host('pending_start') ~ '.back()')}}
    {{_resize('pending_c', _host('term_start') ~ '.back()')}}
    {{_resize('P_scale', _host('n_blocks') ~ '[0]')}}
    {{_resize('pending', _host('n_blocks') ~ '[0]')}}
    {# P came before its blocks were known #}
    if (_is_given && _given != {{_host('block_start')}})
    {
        {{_host('rewired')}}[0] = 2;
        {{_to_device('rewired')}}
    }
    else if (_is_given)
    {
        std::fill({{_host('P_scale')}}.begin(), {{_host('P_scale')}}.end(), 1);
        dev{{_host('P_scale')}} = {{_host('P_scale')}};
        {{_host('fresh')}}[0] = 0;
        {{_to_device('fresh')}}
    }
{% endblock %}

{% block extra_headers %}
{{ super() }}
{% include 'tsim_synaptic_cuda.h' %}

{% endblock %}

{% block at_updates %}
        if ({{_host('rewired')}}[0]) Network::_globally_stopped = true;
        {% for part in parts %}
        {% set s = loop.index0 %}
        {% set slot = _dev('slot_%d' % s) %}
        {% set weight, trace = variables['weight_%d' % s], variables['trace_%d' % s] %}
        {% if not by_synapse %}
        TSIM_LAUNCH(tsim::rls::copy, tsim::blocks_for({{part.n_sources}}), TSIM_THREADS, {{part.n_sources}},
                    {{_dev('trace_%d' % s)}} + {{part.trace_start}}, {{_dev('x')}} + {{part.first_source}}, _step,
                    _schedule);
        {% endif %}
        const int64_t _count_{{s}} = {{constant_or_scalar('n_synapses_%d' % s, variables['n_synapses_%d' % s])}};
        if (_count_{{s}} > 0)
        {
            TSIM_LAUNCH(tsim::synaptic::collect, tsim::blocks_for(_count_{{s}}), TSIM_THREADS, _count_{{s}}, {{slot}},
                        {{_dev('weight_%d' % s)}}, {{c_data_type(weight.dtype)}}(0), {{_dev('w')}}, _step, _schedule);
            {% if has_factor %}
            {% set kind = c_data_type(variables['factor_%d' % s].dtype) if part.factor else 'double' %}
            TSIM_LAUNCH(tsim::synaptic::collect, tsim::blocks_for(_count_{{s}}), TSIM_THREADS, _count_{{s}}, {{slot}},
                        {{_dev('factor_%d' % s) if part.factor else '(const double*)0'}}, {{kind}}(1),
                        {{_dev('factor')}}, _step, _schedule);
            {% endif %}
            {% if by_synapse and part.by_synapse %}
            TSIM_LAUNCH(tsim::synaptic::collect, tsim::blocks_for(_count_{{s}}), TSIM_THREADS, _count_{{s}}, {{slot}},
                        {{_dev('trace_%d' % s)}}, {{c_data_type(trace.dtype)}}(0), {{_dev('x')}}, _step, _schedule);
            {% elif by_synapse %}
            TSIM_LAUNCH(tsim::synaptic::collect_rates, tsim::blocks_for(_count_{{s}}), TSIM_THREADS, _count_{{s}},
                        {{slot}}, {{_dev('partner')}}, {{part.trace_start - part.first_source}},
                        {{_dev('trace_%d' % s)}}, {{_dev('x')}}, _step, _schedule);
            {% endif %}
        }
        {% endfor %}
{% endblock %}

{# USES_VARIABLES { N, n_blocks, z, w, row_start, rows, block_rows, partner, block_start, x, x_start, learning,
                    start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'tsim_at_updates.cu' %}

{% block at_updates %}
        {% set first = namespace(place=0) %}
        {% for group in gather %}
        TSIM_LAUNCH(tsim::rls::copy, tsim::blocks_for({{group.size}}), TSIM_THREADS, {{group.size}},
                    {{_dev('source_%d' % loop.index0)}} + {{group.start}}, {{_dev('x')}} + {{first.place}}, _step,
                    _schedule);
        {% set first.place = first.place + group.size %}
        {% endfor %}
        TSIM_LAUNCH(tsim::rls::row_sums, (unsigned)std::max<int64_t>(_numrows, 1), TSIM_THREADS,
                    {{constant_or_scalar('n_blocks', variables['n_blocks'])}},
                    {{'(const int32_t*)0' if by_synapse else _dev('partner')}}, {{_dev('block_start')}}, {{_dev('x')}} + x_start, {{_dev('rows')}}, {{_dev('block_rows')}},
                    {{_dev('w')}}, {{_dev('row_start')}}, {{_dev('z')}}, _step, _schedule);
{% endblock %}

{# USES_VARIABLES { N, n_blocks, z, w, row_start, rows, block_rows, partner, block_start, x, x_start, learning,
                    start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}
{% macro _dev(name) %}{{get_array_name(variables[name], prefix='dev')}}{% endmacro %}
{% macro _host(name) %}{{get_array_name(variables[name], prefix='')}}{% endmacro %}
{% macro _schedule(of) %}
{ {{of('learning')}}, {{of('start_step')}}, {{of('stop_step')}}, {{of('update_every')}},
            {{of('probability')}}, {{of('seed')}} }
{%- endmacro %}

{% block extra_headers %}
{% filter replace('static inline', 'static inline __host__ __device__') %}
{% include 'tsim_chance.h' %}

{% endfilter %}
{% include 'tsim_cuda.h' %}

{% include 'tsim_rls_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    const int64_t _step = {{_host('t_in_timesteps')}}[0];
    {% if owner.schedule_is_its_own %}
    const tsim::rls::Schedule _on_host = {{_schedule(_host)}};
    if (tsim::rls::due(_step, _on_host))
    {% endif %}
    {
        const tsim::rls::Schedule _schedule = {{_schedule(_dev)}};
        {% set first = namespace(place=0) %}
        {% for group in gather %}
        TSIM_LAUNCH(tsim::rls::copy, tsim::blocks_for({{group.size}}), TSIM_THREADS, {{group.size}},
                    {{_dev('source_%d' % loop.index0)}} + {{group.start}}, {{_dev('x')}} + {{first.place}}, _step,
                    _schedule);
        {% set first.place = first.place + group.size %}
        {% endfor %}
        TSIM_LAUNCH(tsim::rls::row_sums, (unsigned)_numrows, TSIM_THREADS, n_blocks, {{_dev('partner')}},
                    {{_dev('block_start')}}, {{_dev('x')}} + x_start, {{_dev('rows')}}, {{_dev('block_rows')}},
                    {{_dev('w')}}, {{_dev('row_start')}}, {{_dev('z')}}, _step, _schedule);
    }
{% endblock %}

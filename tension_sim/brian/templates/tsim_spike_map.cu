{# USES_VARIABLES { N, y, y_start, out_start, post, w, scale } #}
{% extends 'tsim_host.cu' %}

{% block before_run_host_maincode %}
    {# Run arguments give the host's vectors the length of their files; they are then copied to the device. #}
    THRUST_CHECK_ERROR(dev{{_dynamic_post}}.resize({{_dynamic_post}}.size()));
    THRUST_CHECK_ERROR(dev{{_dynamic_w}}.resize({{_dynamic_w}}.size()));
    {% if learned %}
    THRUST_CHECK_ERROR(dev{{_dynamic_slot}}.resize({{_dynamic_slot}}.size()));
    {% endif %}
    {% if delayed == 'each' %}
    THRUST_CHECK_ERROR(dev{{_dynamic_delay_steps}}.resize({{_dynamic_delay_steps}}.size()));
    {% endif %}
{% endblock %}

{% block extra_headers %}
{% include 'tsim_cuda.h' %}

{% include 'tsim_spike_map_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    {% set _scalar = c_data_type(variables['y'].dtype) %}
    {% set _guard = _dev('allowed') ~ ' + y_start' if guarded else '(const char*)0' %}
    {% if delayed %}
    const int64_t _now = {{_host('t_in_timesteps')}}[0] % n_rows;
    {% endif %}
    {% if delayed == 'one' %}
    {{_scalar}}* const _to = {{_dev('ring')}} + (_now + {{_host('delay_steps')}}[0]) % n_rows * N;
    {% elif delayed %}
    {{_scalar}}* const _to = {{_dev('ring')}};
    {% else %}
    {{_scalar}}* const _to = {{_dev('y')}} + y_start;
    {% endif %}
    {% for group in groups %}
    {% set variable = variables['source_%d_spikespace' % loop.index0] %}
    {% set space = get_array_name(variable, prefix='') %}
    TSIM_LAUNCH(tsim::deliver, tsim::blocks_for(N), TSIM_THREADS,
        dev{{space}}[current_idx{{space}}], {{variable.size}} - 1,
        {{group.start}}, {{group.stop}}, {{group.shift}},
        {{_dev('out_start')}}, {{_dev('post')}}, {{_dev('slot') if learned else '(const int32_t*)0'}}, {{_dev('w')}},
        {{_dev('scale')}}, {{'(const char*)0' if delayed else _guard}},
        {{_dev('delay_steps') ~ ', _now, n_rows, N' if delayed == 'each' else '(const int32_t*)0, 0, 1, 0'}}, _to);
    {% endfor %}
    {% if delayed %}
    TSIM_LAUNCH(tsim::arrive, tsim::blocks_for(N), TSIM_THREADS, N, {{_guard}}, {{_dev('ring')}} + _now*N, {{_dev('y')}} + y_start);
    {% endif %}
{% endblock %}

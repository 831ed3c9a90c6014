{# USES_VARIABLES { N, n_sources, x, x_start, y, y_start, w } #}
{% extends 'tsim_host.cu' %}

{% block extra_headers %}
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    {% set first = namespace(place=0) %}
    {% for part in gather %}
    TSIM_LAUNCH(tsim::copy, tsim::blocks_for({{part.size}}), TSIM_THREADS, {{part.size}},
        {{_dev('source_%d' % loop.index0)}} + {{part.start}}, {{_dev('x')}} + {{first.place}});
    {% set first.place = first.place + part.size %}
    {% endfor %}
    static const int _lanes = tsim::lanes_for(_numw, N);
    TSIM_LAUNCH(tsim::multiply, tsim::blocks_for(N*_lanes), TSIM_THREADS,
        N, n_sources, _lanes,
        {% if masked %}
        {{_dev('row_start')}}, {{_dev('partner')}},
        {% else %}
        (const int64_t*)0, (const int32_t*)0,
        {% endif %}
        {{_dev('w')}}, {{_dev('x')}} + x_start, {{_dev('y')}} + y_start);
{% endblock %}

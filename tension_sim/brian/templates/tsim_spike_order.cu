{# USES_VARIABLES { N, _spikespace } #}
{% extends 'tsim_host.cu' %}
{% set _events = get_array_name(variables['_spikespace'], prefix='') %}

{% block extra_headers %}
#include <utility>
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    static int32_t* _ranked = 0;
    if (!_ranked)
        CUDA_SAFE_CALL(cudaMalloc((void**)&_ranked, sizeof(int32_t)*(N + 1)));
    TSIM_LAUNCH(tsim::rank_events, tsim::blocks_for(N + 1), TSIM_THREADS, N, dev{{_events}}[current_idx{{_events}}], _ranked);
    std::swap(_ranked, dev{{_events}}[current_idx{{_events}}]);
{% endblock %}

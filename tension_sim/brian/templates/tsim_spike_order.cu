{# USES_VARIABLES { N, _spikespace } #}
{% extends 'tsim_host.cu' %}
{% set _events = get_array_name(variables['_spikespace'], prefix='') %}

{% block extra_headers %}
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    static int32_t* _ranked = 0;
    if (!_ranked)
        CUDA_SAFE_CALL(cudaMalloc((void**)&_ranked, sizeof(int32_t)*N));
    int32_t* _now = dev{{_events}}[current_idx{{_events}}];
    TSIM_LAUNCH(tsim::rank_events, tsim::blocks_for(N), TSIM_THREADS, N, _now, _ranked);
    TSIM_LAUNCH(tsim::copy_events, tsim::blocks_for(N), TSIM_THREADS, N, _ranked, _now);
{% endblock %}

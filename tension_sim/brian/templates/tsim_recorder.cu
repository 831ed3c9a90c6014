{# USES_VARIABLES { N, x, values, indices, every, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}

{% block extra_headers %}
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    {# the host's copy of `every`: the vector grows from here #}
    if ({{_host('t_in_timesteps')}}[0] % {{_host('every')}}[0] == 0)
    {
        const size_t _size = dev{{_dynamic_values}}.size();
        THRUST_CHECK_ERROR(dev{{_dynamic_values}}.resize(_size + N));
        TSIM_LAUNCH(tsim::gather, tsim::blocks_for(N), TSIM_THREADS,
            N, {{_dev('indices')}}, {{_dev('x')}}, thrust::raw_pointer_cast(&dev{{_dynamic_values}}[0]) + _size);
    }
{% endblock %}

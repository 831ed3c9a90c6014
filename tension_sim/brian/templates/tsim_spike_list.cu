{# USES_VARIABLES { N, count, i, t, listed, _source_t, _source_start, _source_stop, t_in_timesteps } #}
{# WRITES_TO_READ_ONLY_VARIABLES { N, count, i, t } #}
{# Never waits for the device, but where the lists might not have room for what it has found. #}
{% extends 'tsim_host.cu' %}
{% set _events = get_array_name(eventspace_variable, access_data=False) %}
{% set _of_group = eventspace_variable.size - 1 %}

{% block extra_headers %}
#include <algorithm>
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block host_maincode %}
    const int64_t _size = _source_stop - _source_start;
    static int64_t _at_most = 0;
    if (_at_most + _size > (int64_t)dev{{_dynamic_i}}.size())
    {
        _at_most = tsim::listed_by_now({{_dev('listed')}});
        // room for what there is once more, and for 64 steps in which all spike, or 4 of a large group
        const int64_t _steps = std::min<int64_t>(64, std::max<int64_t>(4, (1 << 24)/(_size + 1)));
        const int64_t _room = _at_most + std::max(_at_most, _steps*_size);
        THRUST_CHECK_ERROR(dev{{_dynamic_i}}.resize(_room));
        THRUST_CHECK_ERROR(dev{{_dynamic_t}}.resize(_room));
    }
    TSIM_LAUNCH(tsim::list_spikes, tsim::blocks_for(_size), TSIM_THREADS,
        {{_of_group}}, dev{{_events}}[current_idx{{_events}}], _source_start, _source_stop,
        {{_host('t_in_timesteps')}}[0], {{_host('_source_t')}}[0], {{_dev('listed')}},
        thrust::raw_pointer_cast(&dev{{_dynamic_i}}[0]), thrust::raw_pointer_cast(&dev{{_dynamic_t}}[0]), {{_dev('count')}});
    _at_most += _size;
{% endblock %}

{% block after_run_headers %}
{{ super() }}
{% include 'tsim_cuda.h' %}

{% endblock %}

{% block after_run_host_maincode %}
    const int64_t _listed = tsim::listed_by_now({{_dev('listed')}});
    THRUST_CHECK_ERROR(dev{{_dynamic_i}}.resize(_listed));
    THRUST_CHECK_ERROR(dev{{_dynamic_t}}.resize(_listed));
    {{_host('N')}}[0] = (int32_t)_listed;
{% endblock %}

{# USES_VARIABLES { N, samples, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}
{% macro _dev(name) %}{{get_array_name(variables[name], prefix='dev')}}{% endmacro %}
{% macro _host(name) %}{{get_array_name(variables[name], prefix='')}}[0]{% endmacro %}
{% set _scalar = c_data_type(variables['value'].dtype) %}

{% block before_run_host_maincode %}
    {% if not file %}
    {# Run arguments give the host's vector the length of their file; they are then copied to the device. #}
    THRUST_CHECK_ERROR(dev{{_dynamic_samples}}.resize({{_dynamic_samples}}.size()));
    {% endif %}
{% endblock %}

{% block extra_headers %}
{% include 'tsim_cuda.h' %}

{% if file %}
{% include 'tsim_files.h' %}

{% include 'tsim_samples.h' %}

{% endif %}
{% endblock %}

{% block host_maincode %}
    {% if file %}
    static tsim::SampleFile<{{file.c_type}}, {{_scalar}}> _file("{{owner.name}}.samples", {{file.literal}},
        {{file.bytes}}, {{file.offset}}, {{file.rows}}, N, {{file.window}}, {{file.scale}});
    const int64_t _row = tsim::row_at({{_host('t_in_timesteps')}}, {{_host('first_step')}}, {{_host('every')}},
                                      {{_host('periodic')}}, _file.rows);
    if (_file.load(_row, {{_dynamic_samples}}))
        THRUST_CHECK_ERROR(dev{{_dynamic_samples}} = {{_dynamic_samples}});
    CUDA_SAFE_CALL(cudaMemcpy({{_dev('value')}},
        thrust::raw_pointer_cast(&dev{{_dynamic_samples}}[0]) + (_row - _file.first_row())*N, N*sizeof({{_scalar}}),
        cudaMemcpyDeviceToDevice));
    {% else %}
    TSIM_LAUNCH(tsim::play, tsim::blocks_for(N), TSIM_THREADS,
        N, (int64_t)dev{{_dynamic_samples}}.size()/N, {{_host('t_in_timesteps')}},
        {{_dev('first_step')}}, {{_dev('every')}}, {{_dev('periodic')}}, {{_dev('samples')}}, {{_dev('value')}});
    {% endif %}
{% endblock %}

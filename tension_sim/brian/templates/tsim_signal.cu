{# USES_VARIABLES { N, samples, samples_file, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'tsim_host.cu' %}
{% set _scalar = c_data_type(variables['value'].dtype) %}

{% block before_run_host_maincode %}
    {# Run arguments give the host's vector the length of their file; they are then copied to the device. #}
    THRUST_CHECK_ERROR(dev{{_dynamic_samples}}.resize({{_dynamic_samples}}.size()));
{% endblock %}

{% block extra_headers %}
{% include 'tsim_files.h' %}

{% include 'tsim_samples.h' %}

{% endblock %}

{% block host_maincode %}
    static tsim::SampleFile<{{_scalar}}> _file("{{owner.name}}.samples", {{_dynamic_samples_file}}, N);
    static const int64_t _rows =
        _file.rows ? _file.rows : tsim::whole_rows("{{owner.name}}.samples", {{_dynamic_samples}}.size(), N);
    static int64_t _shown = -1;
    const int64_t _row = tsim::row_at({{_host('t_in_timesteps')}}[0], {{_host('first_step')}}[0], {{_host('every')}}[0],
                                      {{_host('periodic')}}[0], _rows);
    if (_row != _shown) {
        _shown = _row;
        if (_file.rows && _file.load(_row, {{_dynamic_samples}}))
            THRUST_CHECK_ERROR(dev{{_dynamic_samples}} = {{_dynamic_samples}});
        CUDA_SAFE_CALL(cudaMemcpy({{_dev('value')}},
            thrust::raw_pointer_cast(&dev{{_dynamic_samples}}[0]) + (_row - (_file.rows ? _file.first_row() : 0))*N,
            N*sizeof({{_scalar}}), cudaMemcpyDeviceToDevice));
    }
{% endblock %}

{# USES_VARIABLES { N, samples, samples_file, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'common_group.cpp' %}
{% set _scalar = c_data_type(variables['value'].dtype) %}

{% block extra_headers %}
{% include 'tsim_files.h' %}

{% include 'tsim_samples.h' %}

{% endblock %}

{% block maincode %}
    static tsim::SampleFile<{{_scalar}}> _file("{{owner.name}}.samples", {{_dynamic_samples_file}}, N);
    static const int64_t _rows =
        _file.rows ? _file.rows : tsim::whole_rows("{{owner.name}}.samples", {{_dynamic_samples}}.size(), N);
    int64_t _row = tsim::row_at({{t_in_timesteps}}, {{first_step}}, {{every}}, {{periodic}}, _rows);
    if (_file.rows) {
        _file.load(_row, {{_dynamic_samples}});
        _row -= _file.first_row();
    }
    for (int64_t _j = 0; _j < N; _j++)
        {{value}}[_j] = {{_dynamic_samples}}[_row*N + _j];
{% endblock %}

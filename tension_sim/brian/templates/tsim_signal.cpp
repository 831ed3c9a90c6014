{# USES_VARIABLES { N, samples, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'common_group.cpp' %}
{% set _scalar = c_data_type(variables['value'].dtype) %}

{% block extra_headers %}
{% if file %}
{% include 'tsim_files.h' %}

{% include 'tsim_samples.h' %}

{% endif %}
{% endblock %}

{% block maincode %}
    {% if file %}
    static tsim::SampleFile<{{file.c_type}}, {{_scalar}}> _file("{{owner.name}}.samples", {{file.literal}},
        {{file.bytes}}, {{file.offset}}, {{file.rows}}, N, {{file.window}}, {{file.scale}});
    const int64_t _rows = _file.rows;
    {% else %}
    const int64_t _rows = (int64_t){{_dynamic_samples}}.size()/N;
    {% endif %}
    int64_t _row = {{t_in_timesteps}} - {{first_step}};
    _row = _row >= 0 ? _row/{{every}} : -1 - (-1 - _row)/{{every}};
    if ({{periodic}})
        _row = (_row % _rows + _rows) % _rows;
    else
        _row = _row < 0 ? 0 : (_row < _rows ? _row : _rows - 1);
    {% if file %}
    _file.load(_row, {{_dynamic_samples}});
    _row -= _file.first_row();
    {% endif %}
    for (int64_t _j = 0; _j < N; _j++)
        {{value}}[_j] = {{_dynamic_samples}}[_row*N + _j];
{% endblock %}

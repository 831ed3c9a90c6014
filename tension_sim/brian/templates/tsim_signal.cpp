{# USES_VARIABLES { N, samples, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int64_t _rows = (int64_t){{_dynamic_samples}}.size()/N;
    int64_t _row = {{t_in_timesteps}} - {{first_step}};
    _row = _row >= 0 ? _row/{{every}} : -1 - (-1 - _row)/{{every}};
    if ({{periodic}})
        _row = (_row % _rows + _rows) % _rows;
    else
        _row = _row < 0 ? 0 : (_row < _rows ? _row : _rows - 1);
    for (int64_t _j = 0; _j < N; _j++)
        {{value}}[_j] = {{_dynamic_samples}}[_row*N + _j];
{% endblock %}

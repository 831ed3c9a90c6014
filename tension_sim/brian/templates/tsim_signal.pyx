{# USES_VARIABLES { N, samples, value, first_step, every, periodic, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _rows = _num{{samples}} // N
    cdef long _row = {{t_in_timesteps}} - {{first_step}}
    _row = _row // {{every}} if _row >= 0 else -1 - (-1 - _row) // {{every}}
    cdef long _j
    if {{periodic}}:
        _row = _row % _rows
        if _row < 0:
            _row += _rows
    else:
        _row = min(max(_row, 0), _rows - 1)
    for _j in range(N):
        {{value}}[_j] = {{samples}}[_row*N + _j]
{% endblock %}

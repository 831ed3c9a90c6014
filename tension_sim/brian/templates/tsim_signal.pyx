{# USES_VARIABLES { N, samples, value, first_step, every, periodic, file_rows, first_row, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _rows = {{file_rows}} if {{file_rows}} else _num{{samples}} // N
    cdef long _row = {{t_in_timesteps}} - {{first_step}}
    _row = _row // {{every}} if _row >= 0 else -1 - (-1 - _row) // {{every}}
    cdef long _j
    if {{periodic}}:
        _row = _row % _rows
        if _row < 0:
            _row += _rows
    else:
        _row = min(max(_row, 0), _rows - 1)
    if {{file_rows}} and (_row < {{first_row}} or _row >= {{first_row}} + _num{{samples}} // N):
        _owner.load(_row)
    _row -= {{first_row}}
    for _j in range(N):
        {{value}}[_j] = {{samples}}[_row*N + _j]
{% endblock %}

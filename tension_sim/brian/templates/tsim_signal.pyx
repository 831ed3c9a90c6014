{# USES_VARIABLES { N, samples, value, first_step, every, periodic, first_row, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _rows = {{file.rows if file else '_num%s // N' % samples}}
    cdef long _row = {{t_in_timesteps}} - {{first_step}}
    _row = _row // {{every}} if _row >= 0 else -1 - (-1 - _row) // {{every}}
    cdef long _j
    if {{periodic}}:
        _row = _row % _rows
        if _row < 0:
            _row += _rows
    else:
        _row = min(max(_row, 0), _rows - 1)
    {% if file %}
    if _row < {{first_row}} or _row >= {{first_row}} + {{file.window}}:
        _owner.load(_row)
    _row -= {{first_row}}
    {% endif %}
    for _j in range(N):
        {{value}}[_j] = {{samples}}[_row*N + _j]
{% endblock %}

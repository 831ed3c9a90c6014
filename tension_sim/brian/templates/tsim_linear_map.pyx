{# USES_VARIABLES { N, n_sources, x, x_start, y, y_start, w } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _row, _j
    cdef {{cpp_dtype(variables['y'].dtype)}} _sum
    {% include 'tsim_gather.pyx' %}

    for _row in range(N):
        _sum = 0
        {% if masked %}
        for _j in range({{row_start}}[_row], {{row_start}}[_row + 1]):
            _sum += {{w}}[_j]*{{x}}[x_start + {{partner}}[_j]]
        {% else %}
        for _j in range(n_sources):
            _sum += {{w}}[_row*n_sources + _j]*{{x}}[x_start + _j]
        {% endif %}
        {{y}}[y_start + _row] = _sum
{% endblock %}

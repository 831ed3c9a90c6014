{# USES_VARIABLES { N, n_sources, x, x_start, y, y_start, w } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {% set scalar = c_data_type(variables['y'].dtype) %}
    {{ openmp_pragma('parallel-static') }}
    for (int64_t _row = 0; _row < N; _row++)
    {
        {% if masked %}
        {{scalar}} _sum = 0;
        for (int64_t _j = {{row_start}}[_row]; _j < {{row_start}}[_row + 1]; _j++)
            _sum += {{w}}[_j]*{{x}}[x_start + {{partner}}[_j]];
        {% else %}
        const {{c_data_type(variables['w'].dtype)}}* _w = {{w}} + _row*n_sources;
        const {{c_data_type(variables['x'].dtype)}}* _x = {{x}} + x_start;
        // Sums in fixed lanes: the same bits wherever the arrays lie in memory.
        {{scalar}} _lane[16] = {0};
        int64_t _j = 0;
        for (; _j + 16 <= n_sources; _j += 16)
            for (int _l = 0; _l < 16; _l++)
                _lane[_l] += _w[_j + _l]*_x[_j + _l];
        {{scalar}} _sum = 0;
        for (int _l = 0; _l < 16; _l++)
            _sum += _lane[_l];
        for (; _j < n_sources; _j++)
            _sum += _w[_j]*_x[_j];
        {% endif %}
        {{y}}[y_start + _row] = _sum;
    }
{% endblock %}

{# USES_VARIABLES { N, n_sources, x, x_start, y, y_start, w } #}
{% extends 'common_group.cpp' %}
{% set _scalar = c_data_type(variables['y'].dtype) %}

{% block extra_headers %}
#include <algorithm>
{% include 'tsim_sums.h' %}

{% include 'tsim_dense.h' %}

{% endblock %}

{% block maincode %}
    {% include 'tsim_gather.cpp' %}

    {# One thread sums a row, so their number changes no bit. Small products end before threads have started. #}
    {% if masked %}
    {% if openmp_pragma('with_openmp') %}
    #pragma omp parallel for schedule(static) if (N > 1 && _numw > 20000)
    {% endif %}
    for (int64_t _row = 0; _row < N; _row++)
    {
        const int64_t _begin = {{row_start}}[_row];
        {{y}}[y_start + _row] = tsim::dot_of_partners<{{_scalar}}>(
            {{row_start}}[_row + 1] - _begin, {{w}} + _begin, {{x}} + x_start, {{partner}} + _begin);
    }
    {% else %}
    {% if kept_start is not none %}
    static bool _kept = false;  // from the second step of a program on
    if (_kept)
    {
        std::copy_n({{kept}} + {{kept_start}}, N, {{y}} + y_start);
        return;
    }
    _kept = true;
    {% endif %}
    if (n_sources < 16)
        tsim::multiply_few(N, n_sources, {{w}}, {{x}} + x_start, {{y}} + y_start);
    else
        tsim::multiply_dense(N, n_sources, {{w}}, {{x}} + x_start, {{y}} + y_start);
    {% endif %}
{% endblock %}

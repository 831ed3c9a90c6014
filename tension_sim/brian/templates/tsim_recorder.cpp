{# USES_VARIABLES { N, x, values, indices, every, expected, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    if ({{t_in_timesteps}} % {{every}} == 0)
    {
        const size_t _size = {{_dynamic_values}}.size();
        if (_size == 0)
            {{_dynamic_values}}.reserve({{expected}} * N);
        {{_dynamic_values}}.resize(_size + N);
        for (int64_t _j = 0; _j < N; _j++)
            {{_dynamic_values}}[_size + _j] = {{x}}[{{indices}}[_j]];
    }
{% endblock %}

{# USES_VARIABLES { N, x, values, indices, every, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    if ({{t_in_timesteps}} % {{every}} == 0)
        for (int64_t _j = 0; _j < N; _j++)
            {{_dynamic_values}}.push_back({{x}}[{{indices}}[_j]]);
{% endblock %}

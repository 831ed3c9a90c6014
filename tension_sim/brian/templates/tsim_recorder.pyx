{# USES_VARIABLES { N, x, indices, every, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _j
    if {{t_in_timesteps}} % {{every}} == 0:
        _owner.append(_numpy.array([{{x}}[{{indices}}[_j]] for _j in range(N)]))
{% endblock %}

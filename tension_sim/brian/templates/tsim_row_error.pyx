{# ITERATE_ALL { _idx } #}
{# USES_VARIABLES { N, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    if not _owner.due({{t_in_timesteps}}):
        return
    # scalar code
    _vectorisation_idx = 1
    {{scalar_code|autoindent}}

    # vector code
    for _idx in range(N):
        _vectorisation_idx = _idx
        {{vector_code|autoindent}}
{% endblock %}

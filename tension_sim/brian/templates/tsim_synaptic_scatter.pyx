{# USES_VARIABLES { N, w, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _k, _from
    if not _owner.due({{t_in_timesteps}}):
        return
    {% for s in range(parts) %}
    for _k in range({{constant_or_scalar('n_synapses_%d' % s, variables['n_synapses_%d' % s])}}):
        _from = {{get_array_name(variables['slot_%d' % s])}}[_k]
        if _from >= 0:
            {{get_array_name(variables['weight_%d' % s])}}[_k] = {{w}}[_from]
    {% endfor %}
{% endblock %}

{# USES_VARIABLES { N, w, x, t_in_timesteps } #}
{% extends 'common_group.pyx' %}
{% macro _array(name) %}{{get_array_name(variables[name])}}{% endmacro %}

{% block maincode %}
    cdef long _k, _to
    if not _owner.due({{t_in_timesteps}}):
        return
    {% for part in parts %}
    {% set s = loop.index0 %}
    {% if not by_synapse %}
    for _k in range({{part.n_sources}}):
        {{x}}[{{part.first_source}} + _k] = {{_array('trace_%d' % s)}}[{{part.trace_start}} + _k]
    {% endif %}
    for _k in range({{constant_or_scalar('n_synapses_%d' % s, variables['n_synapses_%d' % s])}}):
        _to = {{_array('slot_%d' % s)}}[_k]
        if _to < 0:
            continue
        {{w}}[_to] = {{_array('weight_%d' % s)}}[_k]
        {% if has_factor %}
        {{_array('factor')}}[_to] = {{_array('factor_%d' % s) ~ '[_k]' if part.factor else '1'}}
        {% endif %}
        {% if by_synapse and part.by_synapse %}
        {{x}}[_to] = {{_array('trace_%d' % s)}}[_k]
        {% elif by_synapse %}
        {{x}}[_to] = {{_array('trace_%d' % s)}}[{{_array('pre_%d' % s)}}[_k] + {{part.trace_start - part.source_start}}]
        {% endif %}
    {% endfor %}
{% endblock %}

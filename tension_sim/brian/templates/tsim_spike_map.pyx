{# USES_VARIABLES { N, y, y_start, out_start, post, w, scale } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _s, _neuron, _j
    cdef {{cpp_dtype(variables['y'].dtype)}} _scale = {{scale}}
    {% for group in groups %}
    {% set space = get_array_name(variables['source_%d_spikespace' % loop.index0]) %}
    for _s in range({{space}}[_num{{space}} - 1]):
        _neuron = {{space}}[_s]
        if _neuron < {{group.start}} or _neuron >= {{group.stop}}:
            continue
        _neuron += {{group.shift}}
        for _j in range({{out_start}}[_neuron], {{out_start}}[_neuron + 1]):
            {% if guarded %}
            if not {{allowed}}[y_start + {{post}}[_j]]:
                continue
            {% endif %}
            {{y}}[y_start + {{post}}[_j]] += _scale*{{w}}[{{slot ~ '[_j]' if learned else '_j'}}]
    {% endfor %}
{% endblock %}

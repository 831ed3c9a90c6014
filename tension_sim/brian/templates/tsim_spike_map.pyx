{# USES_VARIABLES { N, y, y_start, out_start, post, w, scale } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _s, _neuron, _j
    cdef {{cpp_dtype(variables['y'].dtype)}} _scale = {{scale}}
    {% if delayed %}
    cdef long _now = {{t_in_timesteps}} % n_rows
    {% endif %}
    {% for group in groups %}
    {% set space = get_array_name(variables['source_%d_spikespace' % loop.index0]) %}
    for _s in range({{space}}[_num{{space}} - 1]):
        _neuron = {{space}}[_s]
        if _neuron < {{group.start}} or _neuron >= {{group.stop}}:
            continue
        _neuron += {{group.shift}}
        for _j in range({{out_start}}[_neuron], {{out_start}}[_neuron + 1]):
            {% if delayed %}
            {{ring}}[(_now + {{delay_steps ~ '[_j]' if delayed == 'each' else delay_steps}}) % n_rows*N + {{post}}[_j]] += _scale*{{w}}[{{slot ~ '[_j]' if learned else '_j'}}]
            {% else %}
            {% if guarded %}
            if not {{allowed}}[y_start + {{post}}[_j]]:
                continue
            {% endif %}
            {{y}}[y_start + {{post}}[_j]] += _scale*{{w}}[{{slot ~ '[_j]' if learned else '_j'}}]
            {% endif %}
    {% endfor %}
    {% if delayed %}
    for _j in range(N):
        {% if guarded %}
        if {{allowed}}[y_start + _j]:
            {{y}}[y_start + _j] += {{ring}}[_now*N + _j]
        {% else %}
        {{y}}[y_start + _j] += {{ring}}[_now*N + _j]
        {% endif %}
        {{ring}}[_now*N + _j] = 0
    {% endif %}
{% endblock %}

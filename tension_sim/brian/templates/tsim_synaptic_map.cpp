{# USES_VARIABLES { N, w, row_start, x, partner, block_start, P_start, pending_start, term_start, max_pending, rows_0,
                    block_rows_0, P_packed, pending_k, pending_c, P_scale, pending, n_blocks, fresh, rewired, learning,
                    start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'common_group.cpp' %}
{% macro _array(name) %}{{get_array_name(variables[name])}}{% endmacro %}
{% macro _vector(name) %}brian::{{get_array_name(variables[name], access_data=False)}}{% endmacro %}
{% macro _count(s) %}{{constant_or_scalar('n_synapses_%d' % s, variables['n_synapses_%d' % s])}}{% endmacro %}

{% block extra_headers %}
{% include 'tsim_random.h' %}

{% include 'tsim_rls.h' %}

{% include 'tsim_synaptic_blocks.h' %}

{% endblock %}

{% block before_code %}
    {# of the file of the run itself, which has the headers #}
    void _wire_{{codeobj_name}}();
    _wire_{{codeobj_name}}();
{% endblock %}

{% block extra_functions_cpp %}
// Finds rows and blocks of P, as long as nothing was learned; afterwards they must be the same.
void _wire_{{codeobj_name}}()
{
    tsim::synaptic::Wiring _wiring({{variables["N"].value}}, {{'true' if by_synapse else 'false'}});
    {% for part in parts %}
    {% set s = loop.index0 %}
    std::vector<int32_t> _slot_{{s}};
    _wiring.add({{_vector('pre_%d' % s)}}, {{part.shift}}, {{_vector('post_%d' % s)}}, {{part.target_start}},
                {{'&' ~ _vector('trainable_%d' % s) if part.trainable else '(const std::vector<char>*)0'}}, _slot_{{s}});
    {% endfor %}
    _wiring.order();
    {% for part in parts %}
    if (!{{_vector('fresh')}}[0] && _slot_{{loop.index0}} != {{_vector('slot_%d' % loop.index0)}})
        {{_vector('rewired')}}[0] = 1;
    {% endfor %}
    if (!{{_vector('fresh')}}[0]) return;
    {% for part in parts %}
    {{_vector('slot_%d' % loop.index0)}} = _slot_{{loop.index0}};
    {% endfor %}
    const std::vector<int64_t> _given({{_vector('block_start')}});
    const bool _is_given = {{_vector('n_blocks')}}[0] == 0 && _given.size() > 1;
    const int64_t _learn = _wiring.find({{_vector('partner')}}, {{_vector('block_start')}}, {{_vector('rows_0')}},
                                        {{_vector('block_rows_0')}}, {{_vector('row_start')}});
    {{_vector('n_blocks')}}[0] = _wiring.measure({{_vector('block_start')}}, {{_vector('P_start')}},
                                                 {{_vector('pending_start')}}, {{_vector('term_start')}},
                                                 {{_vector('max_pending')}});
    {{_vector('w')}}.resize(_learn);
    {% if by_synapse %}
    {{_vector('x')}}.resize(_learn);
    {% endif %}
    {% if has_factor %}
    {{_vector('factor')}}.resize(_learn);
    {% endif %}
    {{_vector('P_packed')}}.resize({{_vector('P_start')}}.back());
    {{_vector('pending_k')}}.resize({{_vector('pending_start')}}.back());
    {{_vector('pending_c')}}.resize({{_vector('term_start')}}.back());
    {{_vector('P_scale')}}.resize({{_vector('n_blocks')}}[0]);
    {{_vector('pending')}}.resize({{_vector('n_blocks')}}[0]);
    {# P came before its blocks were known #}
    if (_is_given && _given != {{_vector('block_start')}})
        {{_vector('rewired')}}[0] = 2;
    else if (_is_given)
    {
        std::fill({{_vector('P_scale')}}.begin(), {{_vector('P_scale')}}.end(), 1);
        {{_vector('fresh')}}[0] = 0;
    }
}
{% endblock %}

{% block maincode %}
    if (tsim::due({{t_in_timesteps}}, {{learning}}, {{start_step}}, {{stop_step}}, {{update_every}}, {{probability}},
                  {{seed}}))
    {
        if ({{rewired}}) Network::_globally_stopped = true;
        {% for part in parts %}
        {% set s = loop.index0 %}
        {% if not by_synapse %}
        std::copy_n({{_array('trace_%d' % s)}} + {{part.trace_start}}, {{part.n_sources}}, {{x}} + {{part.first_source}});
        {% endif %}
        for (int64_t _k = 0; _k < {{_count(s)}}; _k++)
        {
            const int32_t _to = {{_array('slot_%d' % s)}}[_k];
            if (_to < 0) continue;
            {{w}}[_to] = {{_array('weight_%d' % s)}}[_k];
            {% if has_factor %}
            {{_array('factor')}}[_to] = {{_array('factor_%d' % s) ~ '[_k]' if part.factor else '1'}};
            {% endif %}
            {% if by_synapse and part.by_synapse %}
            {{x}}[_to] = {{_array('trace_%d' % s)}}[_k];
            {% elif by_synapse %}
            {{x}}[_to] = {{_array('trace_%d' % s)}}[{{_array('pre_%d' % s)}}[_k] + {{part.trace_start - part.source_start}}];
            {% endif %}
        }
        {% endfor %}
    }
{% endblock %}

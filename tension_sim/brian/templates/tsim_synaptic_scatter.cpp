{# USES_VARIABLES { N, w, learning, start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
{% include 'tsim_random.h' %}

{% endblock %}

{% block maincode %}
    if (tsim::due({{t_in_timesteps}}, {{learning}}, {{start_step}}, {{stop_step}}, {{update_every}}, {{probability}},
                  {{seed}}))
    {
        {% for s in range(parts) %}
        for (int64_t _k = 0; _k < {{constant_or_scalar('n_synapses_%d' % s, variables['n_synapses_%d' % s])}}; _k++)
        {
            const int32_t _from = {{get_array_name(variables['slot_%d' % s])}}[_k];
            if (_from >= 0) {{get_array_name(variables['weight_%d' % s])}}[_k] = {{w}}[_from];
        }
        {% endfor %}
    }
{% endblock %}

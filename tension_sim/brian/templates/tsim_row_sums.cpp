{# USES_VARIABLES { N, n_blocks, z, w, row_start, rows, block_rows, partner, block_start, x, x_start, learning,
                    start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
{% include 'tsim_random.h' %}

{% include 'tsim_sums.h' %}

{% include 'tsim_dense.h' %}

{% include 'tsim_rls.h' %}

{% include 'tsim_rls_update.h' %}

{% endblock %}

{% block maincode %}
    if (tsim::due({{t_in_timesteps}}, {{learning}}, {{start_step}}, {{stop_step}}, {{update_every}}, {{probability}},
                  {{seed}}))
    {
        {% include 'tsim_gather.cpp' %}

        tsim::rls::sums<{{c_data_type(variables['w'].dtype)}}>(
            {{constant_or_scalar('n_blocks', variables['n_blocks'])}}, {{'(const int32_t*)0' if by_synapse else partner}},
            {{block_start}}, {{x}} + x_start, {{rows}}, {{block_rows}}, {{w}}, {{row_start}}, {{z}});
    }
{% endblock %}

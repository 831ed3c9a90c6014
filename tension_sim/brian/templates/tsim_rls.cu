{# USES_VARIABLES { N, x, x_start, partner, block_start, P_start, pending_start, max_pending,
                    P_packed, pending_k, pending_c, P_scale, pending, alpha_P, forgetting, relaxation,
                    probability, divided, learning, update_every, start_step, stop_step, seed, fresh, n_updates,
                    diverged_step, t_in_timesteps } #}
{% extends 'tsim_at_updates.cu' %}
{% set _problem %}tsim::rls::Problem<{{c_data_type(variables['P_packed'].dtype)}}, {{c_data_type(variables['x'].dtype)}}, {{n_maps}}>{% endset %}

{% block at_updates %}
        static bool _settled = false;
        static {{_problem}} _problem;
        _problem.n_blocks = {{constant_or_scalar('N', variables['N'])}};
        _problem.n_rows = {{_host('block_start')}}[_problem.n_blocks];
        _problem.by_synapse = {{'true' if by_synapse else 'false'}};
        _problem.partner = {{_dev('partner')}};
        _problem.block_start = {{_dev('block_start')}};
        _problem.P_start = {{_dev('P_start')}};
        _problem.pending_start = {{_dev('pending_start')}};
        _problem.max_pending = {{_dev('max_pending')}};
        _problem.x = {{_dev('x')}} + x_start;
        _problem.P = {{_dev('P_packed')}};
        _problem.pending_k = {{_dev('pending_k')}};
        _problem.pending_c = {{_dev('pending_c')}};
        _problem.P_scale = {{_dev('P_scale')}};
        _problem.pending = {{_dev('pending')}};
        _problem.alpha_P = {{_dev('alpha_P')}};
        _problem.forgetting = {{_dev('forgetting')}};
        _problem.relaxation = {{_dev('relaxation')}};
        _problem.divided = {{_dev('divided')}};
        _problem.fresh = {{_dev('fresh')}};
        _problem.n_updates = {{_dev('n_updates')}};
        _problem.diverged_step = {{_dev('diverged_step')}};
        _problem.schedule = _schedule;
        {% for m in range(n_maps) %}
        _problem.error[{{m}}] = {{_dev('error_' ~ m)}};
        _problem.rows[{{m}}] = {{_dev('rows_' ~ m)}};
        _problem.block_rows[{{m}}] = {{_dev('block_rows_' ~ m)}};
        _problem.n_entries[{{m}}] = _numrows_{{m}};
        _problem.w[{{m}}] = {{_dev('w_' ~ m)}};
        _problem.row_start[{{m}}] = {{_dev('row_start_' ~ m)}};
        {% endfor %}
        static const bool _small = tsim::rls::are_small<{{c_data_type(variables['P_packed'].dtype)}}>(_problem.n_blocks, &{{_host('block_start')}}[0]);
        _problem.small = _small;
        tsim::rls::allocate(_problem);
        tsim::rls::Options<{{c_data_type(variables['P_packed'].dtype)}}, {{n_maps}}> _options;
        _options.alpha_each = {{alpha_each}};
        {% if grouped %}
        _options.group = {{_dev('group_of')}};
        _options.row_sum = {{_dev('row_sum')}};
        {% endif %}
        {% if signed %}
        _options.sign = {{_dev('sign')}};
        {% endif %}
        {% if by_source %}
        _options.block_of = {{_dev('block_of')}};
        {% endif %}
        {% for m in range(n_maps) %}
        {% if factors[m] %}
        _options.factor[{{m}}] = {{_dev('factor_' ~ m)}};
        {% endif %}
        {% endfor %}
        if (!tsim::rls::update(_problem, _step, {{'true' if owner.schedule_is_its_own else 'false'}}, _settled, _options))
            Network::_globally_stopped = true;
{% endblock %}

{# USES_VARIABLES { N, n_blocks, z, w, row_start, rows, block_rows, partner, block_start, x, x_start, learning,
                    start_step, stop_step, update_every, probability, seed, t_in_timesteps } #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef long _b, _i, _j, _row
    cdef {{cpp_dtype(variables['z'].dtype)}} _sum
    if not _owner.due({{t_in_timesteps}}):
        return
    {% include 'tsim_gather.pyx' %}

    for _b in range({{constant_or_scalar('n_blocks', variables['n_blocks'])}}):
        for _i in range({{block_rows}}[_b], {{block_rows}}[_b + 1]):
            _row = {{rows}}[_i]
            _sum = 0
            for _j in range({{block_start}}[_b + 1] - {{block_start}}[_b]):
                _sum += {{w}}[{{row_start}}[_row] + _j]*{{x}}[{% if by_synapse %}{{block_start}}[_b] + _j{% else %}x_start + {{partner}}[{{block_start}}[_b] + _j]{% endif %}]
            {{z}}[_row] = _sum
{% endblock %}

{# USES_VARIABLES { N, y, y_start, out_start, post, w, scale } #}
{% extends 'common_group.cpp' %}
{% set _scalar = c_data_type(variables['y'].dtype) %}

{# of spikes that arrive later, the targets are asked when they do #}
{% set _scatter = 'tsim::scatter_later(' if delayed == 'each' else 'tsim::scatter(' %}
{% if guarded and not delayed %}
{% set _scatter = 'tsim::scatter_where(' ~ allowed ~ ' + y_start, ' %}
{% endif %}
{% macro _weights(first) %}{{slot ~ ' + ' ~ first ~ ', ' ~ w if learned else w ~ ' + ' ~ first}}{% endmacro %}
{% macro _into(first) %}{{delay_steps ~ ' + ' ~ first ~ ', _now, n_rows, N, ' ~ ring if delayed == 'each' else '_to'}}{% endmacro %}

{% block extra_headers %}
#include <algorithm>
#include <vector>
{{ openmp_pragma('include') }}
{% include 'tsim_sums.h' %}

{% endblock %}

{% block maincode %}
    static std::vector<int64_t> _fired;
    _fired.clear();
    {% for group in groups %}
    {% set space = get_array_name(variables['source_%d_spikespace' % loop.index0]) %}
    for (int64_t _s = 0; _s < {{space}}[_numsource_{{loop.index0}}_spikespace - 1]; _s++)
        if ({{space}}[_s] >= {{group.start}} && {{space}}[_s] < {{group.stop}})
            _fired.push_back({{space}}[_s] + {{group.shift}});
    {% endfor %}
    const {{_scalar}} _scale = {{scale}};
    {% if delayed %}
    const int64_t _now = {{t_in_timesteps}} % n_rows;
    {% endif %}
    {% if delayed == 'one' %}
    {{_scalar}}* const _to = {{ring}} + (_now + {{delay_steps}}) % n_rows * N;
    {% elif not delayed %}
    {{_scalar}}* const _to = {{y}} + y_start;
    {% endif %}
    {% if openmp_pragma('with_openmp') %}
    int64_t _n_events = 0;
    for (const int64_t _neuron : _fired)
        _n_events += {{out_start}}[_neuron + 1] - {{out_start}}[_neuron];
    // Each thread has rows of its own, so their number changes no sum. A few events end before threads have started.
    #pragma omp parallel if (_n_events > 50000)
    {
        const int64_t _threads = omp_get_num_threads(), _thread = omp_get_thread_num();
        const int32_t _first_row = N*_thread/_threads, _end_row = N*(_thread + 1)/_threads;
        for (const int64_t _neuron : _fired)
        {
            const int32_t *_begin = {{post}} + {{out_start}}[_neuron], *_end = {{post}} + {{out_start}}[_neuron + 1];
            if (_threads > 1)
            {
                _begin = std::lower_bound(_begin, _end, _first_row);
                _end = std::lower_bound(_begin, _end, _end_row);
            }
            {{_scatter}}_end - _begin, _begin, {{_weights('(_begin - ' ~ post ~ ')')}}, _scale,
                       {{_into('(_begin - ' ~ post ~ ')')}});
        }
    }
    {% else %}
    for (const int64_t _neuron : _fired)
    {
        const int64_t _begin = {{out_start}}[_neuron];
        {{_scatter}}{{out_start}}[_neuron + 1] - _begin, {{post}} + _begin, {{_weights('_begin')}}, _scale,
                   {{_into('_begin')}});
    }
    {% endif %}
    {% if delayed and guarded %}
    tsim::arrive_where({{allowed}} + y_start, N, {{ring}} + _now*N, {{y}} + y_start);
    {% elif delayed %}
    tsim::arrive(N, {{ring}} + _now*N, {{y}} + y_start);
    {% endif %}
{% endblock %}

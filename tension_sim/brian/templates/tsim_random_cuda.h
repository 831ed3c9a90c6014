{# tsim_random.h for both sides. #}
{% filter replace('static inline', 'static inline __host__ __device__') %}
{% include 'tsim_random.h' %}

{% endfilter %}

        {# Copy the parts of x that belong to several groups, one after the other. #}
        {% set first = namespace(place=0) %}
        {% for part in gather %}
        std::copy_n({{get_array_name(variables['source_%d' % loop.index0])}} + {{part.start}}, {{part.size}},
                    {{get_array_name(variables['x'])}} + {{first.place}});
        {% set first.place = first.place + part.size %}
        {% endfor %}

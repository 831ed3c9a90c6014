{# Base of objects whose host code launches the kernels of tsim_*.h: they have no kernel of their own. Brian2 reads
   USES_VARIABLES in the file of an object only, so that each names N, which common_group.cu needs. #}
{% extends 'common_group.cu' %}
{# The array of a variable on the device, and on the host. #}
{% macro _dev(name) %}{{get_array_name(variables[name], prefix='dev')}}{% endmacro %}
{% macro _host(name) %}{{get_array_name(variables[name], access_data=False)}}{% endmacro %}

{% block kernel %}
{% endblock %}

{% block prepare_kernel %}
{% endblock %}

{% block kernel_call %}
{% endblock %}

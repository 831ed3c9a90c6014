{# USES_VARIABLES { N } #}
{# At every step: the kernel is launched faster than the device could be asked whether an update is due. #}
{% extends 'stateupdate.cu' %}

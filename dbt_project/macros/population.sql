{#- The cases to decide: one row per case, with everything that was on the case itself. -#}
{% macro population(model, columns) -%}
select
    {%- for column in columns %}
    {{ adapter.quote(column) }},
    {%- endfor %}
    partition_date
from {{ model }}
{%- endmacro %}

{#- Rows of a validated source that belong to the days being built.
    every_day: a snapshot has one date of its own and stands for all days. -#}
{% macro staging(source_name, columns, every_day=false) -%}
select
    {%- for column in columns %}
    {{ adapter.quote(column) }},
    {%- endfor %}
    partition_date
from {{ source('lake', source_name) }}
{%- if not every_day %}
where partition_date between date '{{ var("first") }}' and date '{{ var("last") }}'
{%- for day in var("without", []) %}
  and partition_date <> date '{{ day }}'
{%- endfor %}
{%- endif %}
{%- endmacro %}

{#- Versioned facts about an entity. A fact about nobody can never be joined: it is left out. -#}
{% macro feature_table(model, entity, columns) -%}
select
    {%- for column in columns %}
    {{ adapter.quote(column) }},
    {%- endfor %}
    partition_date
from {{ model }}
where {{ adapter.quote(entity) }} is not null
{%- endmacro %}

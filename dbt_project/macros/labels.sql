{#- Outcomes as 0/1, with the time each became known. -#}
{% macro labels(model, key, column, positive, observed_at) -%}
select
    {{ adapter.quote(key) }},
    cast({{ adapter.quote(column) }} = {{ positive }} as bigint) as label,
    {{ adapter.quote(observed_at) }} as observed_at,
    partition_date
from {{ model }}
where {{ adapter.quote(column) }} is not null
{%- endmacro %}

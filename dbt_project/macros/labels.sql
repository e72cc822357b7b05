{#- Outcomes as the model's task wants them (an SQL expression), with the time each became known.
    An outcome that is not known yet is none. -#}
{% macro labels(model, key, outcome, observed_at) -%}
select
    {{ adapter.quote(key) }},
    {{ outcome }} as label,
    {{ adapter.quote(observed_at) }} as observed_at,
    partition_date
from {{ model }}
where {{ outcome }} is not null
{%- endmacro %}

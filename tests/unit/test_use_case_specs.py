"""The use cases that come with the platform are valid specs, and a broken one says where."""

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from assets.spec import UseCaseSpec

ROOT = Path(__file__).parents[2]
FILES_ALONE = ["it_tickets", "machine_failure", "telco_churn"]
"""Use cases that are a defs.yaml and nothing else."""

SPECS = {
    "loan_approval": ROOT / "orchestration/defs/loan_approval/defs.yaml",
    **{name: ROOT / "examples" / name / "defs.yaml" for name in ("credit_loans", *FILES_ALONE)},
}


class _DatesStayText(yaml.SafeLoader):
    """Dagster's reader leaves 2026-06-01 a string; PyYAML's would make it a date."""


_DatesStayText.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _attributes(name: str) -> dict[str, Any]:
    document = yaml.load(SPECS[name].read_text(), Loader=_DatesStayText)
    assert document["type"] == "orchestration.components.use_case.UseCase"
    attributes: dict[str, Any] = document["attributes"]
    return attributes


@pytest.mark.parametrize("name", SPECS)
def test_spec_is_valid_and_every_column_is_described(name: str) -> None:
    spec = UseCaseSpec.model_validate(_attributes(name))

    assert spec.name == name
    undescribed = [
        f"{source}.{column}"
        for source, declared in spec.sources.items()
        for column, about in declared.columns.items()
        if not about.description
    ]
    assert undescribed == []


def test_loan_approval_keeps_people_out_of_the_model() -> None:
    spec = UseCaseSpec.model_validate(_attributes("loan_approval"))

    kept = spec.sources["applications"].kept_columns
    assert not {"full_name", "email", "phone"} & set(kept)
    assert kept["customer_id"].pii == "pseudonymise"
    # One person must get one token: both sides of the join are pseudonymised alike.
    assert spec.sources["bureau"].columns["customer_id"].pii == "pseudonymise"
    assert not {"region", "age"} & set(spec.feature_names)
    assert {"region", "age"} <= set(spec.population_columns)
    assert spec.risk.tier == "high"
    assert spec.policy.automatic_decline is False


def test_credit_loans_drops_dob_ssn_and_never_shows_age_or_place_to_the_model() -> None:
    spec = UseCaseSpec.model_validate(_attributes("credit_loans"))

    assert "dob_ssn" in spec.sources["loans"].columns
    assert "dob_ssn" not in spec.sources["loans"].kept_columns
    assert not {"person_age", "zipcode", "state", "city"} & set(spec.feature_names)
    # The newest loan is 4.65 years younger than the zip snapshot; a shorter ttl nulls it all.
    assert spec.features.views["zipcodes"].time_to_live.days > 1697


@pytest.mark.parametrize("name", FILES_ALONE)
def test_a_use_case_of_one_raw_file_is_its_spec_and_nothing_else(name: str) -> None:
    assert [path.name for path in SPECS[name].parent.iterdir()] == ["defs.yaml"]
    spec = UseCaseSpec.model_validate(_attributes(name))
    # No time in the file: all cases arise at once, and what became of them is known with them.
    assert spec.model.validation == "cross_validation"
    assert (spec.label.source, spec.label.maturity) == (spec.population.source, timedelta(0))
    [source] = spec.sources.values()
    assert source.columns[spec.population.event_timestamp].given == "file_date"


def test_what_must_not_decide_is_no_feature_of_the_raw_files() -> None:
    customers = UseCaseSpec.model_validate(_attributes("telco_churn"))
    assert list(customers.sensitive) == ["gender"]
    assert "gender" not in customers.feature_names
    assert customers.sources["customers"].columns["customer_id"].pii == "pseudonymise"
    machine = UseCaseSpec.model_validate(_attributes("machine_failure"))
    flags = {
        name
        for name, column in machine.sources["milling"].columns.items()
        if column.header in ("TWF", "HDF", "PWF", "OSF", "RNF")
    }
    assert len(flags) == 5
    assert flags == set(machine.deny)
    assert not flags & set(machine.feature_names)


REQUEST = _attributes("loan_approval")["features"]["request"]


def _set(path: str, value: Any) -> Any:
    def change(attributes: dict[str, Any]) -> None:
        *way, last = path.split(".")
        at = attributes
        for step in way:
            at = at[step]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("population.source", "aplications"), "population.source 'aplications'"),
        (_set("population.key", "id"), "population.key 'id'"),
        (_set("population.entity", "full_name"), "population.entity 'full_name'"),
        (_set("population.event_timestamp", "at"), "population.event_timestamp 'at'"),
        (_set("label.source", "results"), "label.source 'results'"),
        (_set("label.column", "default"), "label: 'default'"),
        (_set("label.observed_at", "seen_at"), "label: 'seen_at'"),
        (_set("label.matures_after", "a month"), "label.matures_after"),
        (_set("features.request", ["amount", "salary"]), "features.request 'salary'"),
        (_set("features.request", [*REQUEST, "region"]), "'region' is denied or sensitive"),
        (_set("features.request", ["amount", "email"]), "features.request 'email'"),
        (_set("features.request", [*REQUEST, "amount"]), "feature 'amount' comes from two places"),
        (_set("features.views.bureau.source", "buro"), "features.views.bureau: source 'buro'"),
        (_set("features.views.bureau.columns", ["score"]), "features.views.bureau: 'score'"),
        (_set("features.views.bureau.created", "loaded"), "features.views.bureau: 'loaded'"),
        (_set("features.views.bureau.entity", "person"), "features.views.bureau: entity 'person'"),
        (_set("sources.applications.timestamp", "amount"), "sources.applications"),
        (_set("sources.bureau.columns.customer_id.type", "int"), "sources.bureau.columns"),
        (_set("policy.approve_below", 0.9), "policy"),
        (_set("start", "June 2026"), "start"),
        (_set("monitoring.drift.windows", 1), "monitoring.drift.windows"),
    ],
)
def test_a_broken_reference_is_refused_by_name(change: Any, message: str) -> None:
    attributes = deepcopy(_attributes("loan_approval"))
    change(attributes)

    with pytest.raises(ValidationError) as refusal:
        UseCaseSpec.model_validate(attributes)

    assert message in str(refusal.value)

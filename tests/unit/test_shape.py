"""What holds of the code as a whole: generic, lazy, without side effects."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assets.home import Home
from assets.spec_files import load_specs

PROJECT = Path(__file__).resolve().parents[2]
GENERIC = ("assets", "orchestration", "feature_repo", "dbt_project")
HEAVY = ("mlflow", "feast", "evidently", "great_expectations", "sklearn", "dbt.cli")

# Column names that are words of the platform too. Everything else must not be in generic code.
PLATFORM_WORDS = {
    "event_timestamp": "name Feast gives the event time, and a column of the public data",
    "observed_at": "name of the published labels' column, whatever the source calls it",
    "purpose": "a decision is per purpose",
    "population": "a mart, and a column of the public data",
    "state": "English",
    "amount": "English: what a duration counts",
    "age": "English: how old a version or a fact is",
    "channel": "what an alert is sent by",
    "email": "Python's module for mail",
}


def generic_files() -> list[Path]:
    found = []
    for folder in GENERIC:
        for path in sorted((PROJECT / folder).rglob("*")):
            within = path.relative_to(PROJECT).parts
            source = path.suffix in (".py", ".sql", ".yml", ".yaml")
            if source and within[:2] != ("orchestration", "defs"):
                found.append(path)
    return found


def trade_words() -> set[str]:
    """Names of all use cases, their sources, views and columns, and the words of their trade."""
    words = {"loan", "lender", "borrower", "credit"}
    specs = load_specs([PROJECT / "orchestration" / "defs", PROJECT / "examples"])
    assert {spec.name for spec in specs} == {
        "credit_loans",
        "it_tickets",
        "loan_approval",
        "machine_failure",
        "telco_churn",
    }
    for spec in specs:
        words |= {spec.name, *spec.features.views, *(set(spec.sources) - {"outcomes"})}
        for source in spec.sources.values():
            words |= set(source.columns)
    return words - set(PLATFORM_WORDS)


def test_generic_code_mentions_no_use_case() -> None:
    pattern = re.compile(
        r"(?<![A-Za-z0-9_])("
        + "|".join(sorted(map(re.escape, trade_words())))
        + r")(?![A-Za-z0-9_])",
        re.IGNORECASE,
    )
    files = generic_files()
    assert len(files) > 50
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {match[0]}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert found == []
    # No word is exempt that need not be.
    text = "\n".join(path.read_text().lower() for path in files)
    assert [word for word in PLATFORM_WORDS if not re.search(rf"\b{word}\b", text)] == []


def test_only_wiring_imports_dagster() -> None:
    for path in sorted((PROJECT / "assets").rglob("*.py")):
        imported = {
            (node.module or "").split(".")[0]
            if isinstance(node, ast.ImportFrom)
            else node.names[0].name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        wiring = path.name == "assets.py"
        assert wiring or not imported & {"dagster", "dagster_dbt", "orchestration"}, path


def test_nothing_upstream_imports_the_examples() -> None:
    for folder in ("assets", "orchestration", "feature_repo"):
        for path in (PROJECT / folder).rglob("*.py"):
            assert not re.search(r"^\s*(from|import) examples", path.read_text(), re.MULTILINE), (
                path
            )


def in_fresh_process(code: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("NIGHTSHIFT_")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("then", ["", "; d.defs()"], ids=["imported", "loaded"])
def test_definitions_pull_in_nothing_heavy(then: str, prepared_home: Home, tmp_path: Path) -> None:
    code = (
        f"import sys, orchestration.definitions as d{then}; "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    said = in_fresh_process(code, tmp_path, NIGHTSHIFT_HOME=str(prepared_home.root))
    assert said.splitlines()[-1] == "[]"


def test_importing_every_module_leaves_no_trace(tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for folder in ("assets", "orchestration")
        for path in sorted((PROJECT / folder).rglob("*.py"))
        if path.name != "__init__.py"
    ]
    assert len(modules) > 50
    home = tmp_path / "home"
    code = "import importlib\n" + "\n".join(f"importlib.import_module({m!r})" for m in modules)
    in_fresh_process(code, tmp_path, NIGHTSHIFT_HOME=str(home), HOME=str(tmp_path))
    assert list(tmp_path.iterdir()) == []

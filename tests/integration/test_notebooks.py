"""The notebooks run top to bottom: on the road's home (tests.road_fixtures), on one that has every
table, and on one that has hardly any.

All in one kernel, whose start and imports are most of the cost; each begins with an empty
namespace.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from assets.home import Home
from tests.road_fixtures import Road

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = ["drift_review", "model_review", "cohort_explorer"]

FRESH = """
get_ipython().run_line_magic("reset", "-f")
import warnings
for deprecated in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
    for ours in ("__main__", "nightshift"):
        warnings.filterwarnings("error", category=deprecated, module=ours)
import matplotlib.pyplot
matplotlib.pyplot.close("all")
matplotlib.rcdefaults()
# Drawn whole, but small: it is not looked at.
get_ipython().run_line_magic("config", "InlineBackend.print_figure_kwargs = {'dpi': 30}")
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running kernel of this environment, whatever kernels and settings the user has."""
    from jupyter_client.manager import KernelManager

    folder = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            environment.setenv(name, str(folder / name.lower()))
        environment.delenv("NIGHTSHIFT_HOME", raising=False)
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(cwd=str(FOLDER))
        yield manager
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def every_table(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Thirty nights with every table a notebook reads."""
    from tests.case_tables import fill_case_tables
    from tests.nights_on_record import fill, loans

    home = Home(tmp_path_factory.mktemp("nights") / "home")
    fill(home, loans(), nights=30)
    fill_case_tables(home, loans())
    return home


@pytest.fixture(scope="module")
def hardly_any(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Decisions of two nights and the gates' records: no measures, values, outcomes or spec."""
    import shutil

    from tests.nights_on_record import fill, loans

    home = Home(tmp_path_factory.mktemp("young") / "home")
    fill(home, loans(), nights=2)
    for table in (home.lake / "loan_approval").iterdir():
        if table.name not in ("decisions", "gate_results"):
            shutil.rmtree(table)
    return home


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def run(kernel: Any, name: str, home: Path, more: str = "") -> tuple[str, int]:
    """What the notebook says in words and tables, and how many figures it draws."""
    notebook = read(name)
    place = next(n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    given = nbformat.v4.new_code_cell(f"HOME = {str(home)!r}\n{more}")
    notebook.cells.insert(place + 1, given)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FRESH))
    NotebookClient(notebook, km=kernel, timeout=120).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    written = [out for out in outputs if out.output_type == "stream" and out.name == "stderr"]
    assert not written, written
    data = [out.get("data", {}) for out in outputs]
    words = [one.get("text/markdown") or one.get("text/plain", "") for one in data]
    return "\n".join(words), sum("image/png" in one for one in data)


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_stored_without_outputs_for_anybody(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[0].cell_type == "markdown"
    assert "parameters" in code[0].metadata["tags"]
    assert [cell for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert notebook.metadata.kernelspec.name == "python3"
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.$}])/(home|root|tmp|Users|work|var|mnt)/|[A-Z]:\\\\", text)


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_run_on_the_road(kernel: Any, road: Road, name: str) -> None:
    words, _ = run(kernel, name, road.after_the_nights)
    assert "loan_approval, nights" in words
    keys = road.session.lake.read("loan_approval", "decisions", columns=["case_key", "entity_key"])
    shown = [key for column in keys.columns for key in column.to_pylist() if key and key in words]
    assert shown == []


DRAWN = {"drift_review": 6, "model_review": 8, "cohort_explorer": 5}


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_draw_what_every_table_has(kernel: Any, every_table: Home, name: str) -> None:
    words, figures = run(kernel, name, every_table.root)
    assert figures >= DRAWN[name]
    assert "SECRET" not in words
    expected = {
        "drift_review": ["It mattered on 11", "monthly_income", "Median of", "performance, open"],
        "model_review": ["does not hold", "version 4", "figures are judged; 2 fail", "EUR"],
        "cohort_explorer": ["6,233 cases were decided", "mean score, cohort", "utilisation"],
    }
    assert [text for text in expected[name] if text not in words] == []


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_say_in_words_what_is_not_there(kernel: Any, hardly_any: Home, name: str) -> None:
    words, figures = run(kernel, name, hardly_any.root)
    expected = {
        "drift_review": ["No night of these has measured drift", "No incident"],
        "model_review": ["No performance was measured", "No night has been accounted for yet"],
        "cohort_explorer": ["There are no cases to compare"],
    }
    assert [text for text in expected[name] if text not in words] == []
    assert figures <= 1


def test_a_small_cohort_is_refused(kernel: Any, every_table: Home) -> None:
    chosen = "COHORT = \"decision_id IN ('2026-08-28-1', '2026-08-28-2')\""
    words, figures = run(kernel, "cohort_explorer", every_table.root, chosen)
    assert "the cohort has fewer than 30 cases" in words
    assert figures == 0


def test_a_small_rest_is_refused_too(kernel: Any, every_table: Home) -> None:
    chosen = "COHORT = \"decision_id NOT IN ('2026-08-28-1', '2026-08-28-2')\""
    words, figures = run(kernel, "cohort_explorer", every_table.root, chosen)
    assert "the rest has fewer than 30 cases" in words
    assert figures == 0

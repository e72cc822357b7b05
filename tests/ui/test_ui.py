"""The user interfaces as a browser sees them: real servers, real pages, loopback only."""

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import pytest

from assets.monitoring.evidently_report import project_id
from tests.road_fixtures import BAD, DRIFTED, NIGHTS, QUIET, USE_CASE, Road
from tests.ui.browser import Browser, chromium

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).parent / "nightshift"
GROUPS = ["ingestion", "marts", "features", "training"]
GROUPS += ["release", "scoring", "decisions", "monitoring"]
JOBS = ["history", "nightly", "training"]
GATE_STEP = f"{USE_CASE}__scoring_set_scoring_population"
START_UP = 180
"""Seconds; about 20 on an idle machine."""


@dataclass(frozen=True)
class Servers:
    """`nightshift dev` on a copy of the road's home."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, offset: int, path: str) -> str:
        return f"http://127.0.0.1:{self.port + offset}/{path}"

    def dagster(self, path: str, **query: str) -> str:
        return self.url(0, path) + ("?" + urllib.parse.urlencode(query) if query else "")

    def tree(self) -> list[psutil.Process]:
        """The process and all it started."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as program:
        yield Browser(program)


@pytest.fixture(scope="module")
def servers(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("dev")
    # A copy: the daemon writes to Dagster's storage. Of the road before other tests added runs to
    # it: a page shows the latest one.
    home = shutil.copytree(road.after_the_nights, folder / "home")
    port, log = _free_ports(), folder / "dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(COMMAND), "dev", "--home", str(home), "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # so that the test's ctrl-C reaches only these
        )
    running = Servers(process, port)
    try:
        for offset in (0, 1, 2, 3):  # the fourth speaks no HTTP
            _wait(running, running.url(offset, ""), log)
        _wait(running, running.url(5, "sign-in"), log)  # nobody else is let in
        yield running
    finally:
        if process.poll() is None:
            _stop(running)


def test_the_asset_graph_shows_every_stage_and_asset(servers: Servers, browser: Browser) -> None:
    expanded = ",".join(f"global@global:{group}" for group in GROUPS)
    browser.shows(
        servers.dagster("asset-groups/", expanded=expanded),
        *GROUPS,
        *("applications", "bureau", "outcomes", "stg_applications", "population", "labels"),
        *("features_bureau", "bureau_view", "scoring_set", "training_set", "model", "release"),
        *("predictions", "decisions", "drift_report"),
    )


def test_a_partition_shows_its_counts_and_its_picture(
    servers: Servers, browser: Browser, road: Road
) -> None:
    decisions = road.session.lake.read_day(USE_CASE, "decisions", QUIET)
    referred = decisions.column("decision").to_pylist().count("refer")
    browser.shows(
        servers.dagster(
            f"assets/{USE_CASE}/decisions", view="partitions", partition=QUIET.isoformat()
        ),
        f"{QUIET} Materialized",
        f"dagster/row_count {decisions.num_rows}",
        f"refer {referred}",
        "scores [Show Markdown]",
        "loan_approval_nightly",
    )


def test_an_asset_says_its_place_columns_freshness_and_neighbours(
    servers: Servers, browser: Browser
) -> None:
    browser.shows(
        servers.dagster(f"assets/{USE_CASE}/decisions", view="overview"),
        "Freshness policy",
        "nightshift/stage: 7-decisions",
        f"use_case: {USE_CASE}",
        "decision_id",
        f"{servers.url(5, 'queues')}/{USE_CASE}",  # where this very process serves the desk
        f"use-cases/{USE_CASE}/nights/",
    )


def test_runs_are_found_by_use_case_and_night(
    servers: Servers, browser: Browser, road: Road
) -> None:
    query = {"q[0]": f"tag:use_case={USE_CASE}", "q[1]": f"tag:dagster/partition={BAD}"}
    words = browser.text(servers.dagster("runs", **query), road.outcomes[BAD].run_id[:8])
    assert road.outcomes[BAD].run_id[:8] in words
    assert road.outcomes[QUIET].run_id[:8] not in words


def test_a_night_the_gate_let_pass(servers: Servers, browser: Browser, road: Road) -> None:
    browser.shows(
        _gate_of(servers, road, QUIET),
        "Success",
        f"{USE_CASE} {QUIET}: all",
        "Check scoring_population succeeded for materialization of loan_approval / scoring_set",
        "verdict pass",
    )


def test_a_night_the_gate_stopped_says_why(servers: Servers, browser: Browser, road: Road) -> None:
    message = f"applications {BAD}: amount"
    browser.shows(
        # Not the whole step: its log is longer than the page, and only rows in sight are there.
        servers.dagster(f"runs/{road.outcomes[BAD].run_id}", logs=message),
        "Failure",
        f"{message} looks multiplied by 100",
        "Check unit_error failed for materialization of loan_approval / applications",
        "verdict fail",
        "Not executed (14)",
    )


def test_the_check_page_says_that_it_blocks_and_that_a_night_failed(
    servers: Servers, browser: Browser
) -> None:
    browser.shows(
        servers.dagster(f"assets/{USE_CASE}/applications", view="checks", checkDetail="unit_error"),
        "unit_error Failed",
        "This is a blocking asset check.",
        "No number looks multiplied by a power of ten",
        "verdict",
    )


def test_a_model_shows_its_gates_and_its_card(servers: Servers, browser: Browser) -> None:
    model = f"assets/{USE_CASE}/model"
    browser.shows(
        servers.dagster(model, view="checks", checkDetail="leak"),
        "Checks (9)",
        "leak Succeeded",
        "behaviour Succeeded",
        "This is a blocking asset check.",
        "No feature, and not the model as a whole",
    )
    browser.shows(servers.dagster(model, view="overview"), "model card", "version_1.html")
    browser.shows(servers.url(3, f"models/{USE_CASE}/version_1.html"), "Model card", "pat.approver")


def test_runs_of_the_command_line_are_on_the_job_and_on_the_timeline(
    servers: Servers, browser: Browser
) -> None:
    job = f"locations/nightshift/jobs/{USE_CASE}_nightly/runs"
    browser.shows(servers.dagster(job), f"partition: {QUIET}", f"partition: {BAD}")
    browser.shows(servers.dagster("overview/timeline"), *(f"{USE_CASE}_{j}" for j in JOBS))


def test_mlflow_shows_the_champion(servers: Servers, browser: Browser) -> None:
    browser.shows(servers.url(1, "#/models"), USE_CASE, "@ champion : Version 1")
    browser.shows(
        servers.url(1, f"#/models/{USE_CASE}/versions/1"),
        "@ champion",
        "nightshift.average_precision",
        "Inputs (13)",
    )


def test_evidently_shows_a_snapshot_per_decided_night(servers: Servers, browser: Browser) -> None:
    browser.shows(servers.url(2, ""), USE_CASE, f"Nightly drift of {USE_CASE}")
    project = f"projects/{project_id(USE_CASE)}"
    browser.shows(servers.url(2, project), "Share of drifted columns")
    snapshots = browser.text(servers.url(2, f"{project}/reports"), f"{USE_CASE} {DRIFTED}")
    decided = [night for night in NIGHTS if night != BAD]
    assert [n for n in decided if f"{USE_CASE} {n}" not in snapshots] == [], snapshots[:3000]
    assert f"{USE_CASE} {BAD}" not in snapshots


def test_data_docs_list_the_nights(servers: Servers, browser: Browser) -> None:
    browser.shows(
        servers.url(3, "data_docs/index.html"),
        *(f"{night} pass" for night in NIGHTS if night != BAD),
    )


def test_the_drift_report_renders(servers: Servers, browser: Browser) -> None:
    browser.shows(
        servers.url(3, f"drift/{USE_CASE}/{DRIFTED}.html"),
        "Count of Drifted Columns",
        "Drift in column 'monthly_income'",
        "Data drift detected.",
    )


def test_links_in_the_metadata_lead_to_pages(servers: Servers, road: Road) -> None:
    from dagster import AssetCheckEvaluation, UrlMetadataValue
    from dagster._core.events import DagsterEventType

    links = {
        value.url
        for record in road.session.instance.all_logs(
            road.outcomes[DRIFTED].run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION
        )
        if record.dagster_event
        and isinstance(check := record.dagster_event.event_specific_data, AssetCheckEvaluation)
        for value in check.metadata.values()
        if isinstance(value, UrlMetadataValue)
    }
    assert len(links) == 2  # Data Docs and the drift report
    for link in links:
        # The road ran without servers, so its links carry the usual port.
        path = urllib.parse.urlparse(link).path.lstrip("/")
        with urllib.request.urlopen(servers.url(3, path), timeout=10) as page:
            assert page.status == 200


def test_everything_listens_on_loopback_only(servers: Servers) -> None:
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in servers.tree()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {port for _, port in listening} >= set(range(servers.port, servers.port + 5))
    assert [found for found in listening if not _loopback(found[0])] == []


def test_ctrl_c_stops_all(servers: Servers) -> None:
    started = servers.tree()
    assert len(started) > 6
    code = _stop(servers)
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert code == 128 + signal.SIGINT


@pytest.mark.parametrize(("offset", "name"), [(0, "dagster"), (3, "reports")])
def test_a_taken_port_is_said_and_nothing_is_started(
    tmp_path: Path, offset: int, name: str
) -> None:
    port = _free_ports()
    with socket.create_server(("127.0.0.1", port + offset)):
        done = subprocess.run(
            [str(COMMAND), "dev", "--home", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            env=_environment(),
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port + offset} for {name} is taken" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "started" not in done.stdout + done.stderr


def _gate_of(servers: Servers, road: Road, night: date) -> str:
    """Page of a night's run, its log narrowed to the gate."""
    return servers.dagster(f"runs/{road.outcomes[night].run_id}", logs=f"step:{GATE_STEP}")


def _environment() -> dict[str, str]:
    ours = ("NIGHTSHIFT_", "DAGSTER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _free_ports() -> int:
    """First of six ports in a row that nobody listens on."""
    for first in range(20_000 + os.getpid() % 10_000, 60_000, 6):
        with suppress(OSError):
            for port in range(first, first + 6):
                socket.create_server(("127.0.0.1", port)).close()
            return first
    raise RuntimeError("no six free ports in a row")


def _loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _wait(servers: Servers, url: str, log: Path) -> None:
    until = time.monotonic() + START_UP
    while time.monotonic() < until:
        if servers.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"{url} never answered:\n{log.read_text()[-4000:]}")


def _stop(servers: Servers) -> int:
    """What ctrl-C does: the signal goes to the whole group in the foreground."""
    os.killpg(servers.process.pid, signal.SIGINT)
    return servers.process.wait(timeout=60)

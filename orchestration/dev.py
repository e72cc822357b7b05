"""The user interfaces of a home, all on loopback, under one process manager."""

import os
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from assets.errors import NightshiftError
from assets.night_report import elsewhere
from orchestration.desk.neighbours import VARIABLES
from orchestration.resources.installation import DESK_URL_VARIABLE, REPORTS_URL_VARIABLE
from orchestration.session import LOCATION

if TYPE_CHECKING:
    from orchestration.session import Session

HOST = "127.0.0.1"
DAGSTER, MLFLOW, EVIDENTLY, REPORTS, CODE, DESK = range(6)
"""Distance of each port from the first."""


def url(port: int) -> str:
    """Address of a user interface."""
    return f"http://{HOST}:{port}"


class PortTaken(NightshiftError):
    """Something else listens where a user interface should."""


def processes(session: "Session", port: int) -> dict[str, tuple[list[str], int]]:
    """Name → command and port (0: none) of every process; the six ports follow each other."""
    binaries = Path(sys.executable).parent
    home = session.home
    location = ["--workspace", str(home.dagster / "workspace.yaml")]

    def program(name: str, *arguments: str) -> list[str]:
        return [str(binaries / name), *arguments]

    def at(offset: int) -> list[str]:
        return ["--host", HOST, "--port", str(port + offset)]

    return {
        # One code server for the UI and the daemon: half the start-up of one each.
        "code": (
            program("dagster", "api", "grpc", "-m", "orchestration.definitions", *at(CODE)),
            port + CODE,
        ),
        "dagster": (
            program("dagster-webserver", *at(DAGSTER), *location),
            port + DAGSTER,
        ),
        "daemon": (program("dagster-daemon", "run", *location), 0),
        "mlflow": (
            program(
                "mlflow",
                "server",
                "--backend-store-uri",
                home.registry_uri,
                "--default-artifact-root",
                home.models.as_uri(),
                *at(MLFLOW),
                "--workers",
                "1",
                "--allowed-hosts",
                f"localhost:{port + MLFLOW},{HOST}:{port + MLFLOW}",
            ),
            port + MLFLOW,
        ),
        "evidently": (
            program(
                "evidently", "ui", "--workspace", str(home.evidently_workspace), *at(EVIDENTLY)
            ),
            port + EVIDENTLY,
        ),
        "reports": (
            [
                sys.executable,
                "-m",
                "http.server",
                "--bind",
                HOST,
                "--directory",
                str(home.reports),
                str(port + REPORTS),
            ],
            port + REPORTS,
        ),
        "desk": (
            program("nightshift", "desk", "--home", str(home.root), "--port", str(port + DESK)),
            port + DESK,
        ),
    }


def serve(session: "Session", port: int) -> int:
    """Run them all until ctrl-C; returns the exit code. Raises PortTaken before starting any."""
    from honcho.manager import Manager

    wanted = processes(session, port)
    for name, (_, own) in wanted.items():
        if own and not _free(own):
            raise PortTaken(
                f"port {own} for {name} is taken: stop what listens there, or choose other ports "
                "with --port"
            )
    workspace = {
        "load_from": [
            {"grpc_server": {"host": HOST, "port": port + CODE, "location_name": LOCATION}}
        ]
    }
    (session.home.dagster / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    session.home.reports.mkdir(parents=True, exist_ok=True)
    session.home.evidently_workspace.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        VARIABLES[elsewhere.DAGSTER]: url(port + DAGSTER),
        VARIABLES[elsewhere.MLFLOW]: url(port + MLFLOW),
        VARIABLES[elsewhere.EVIDENTLY]: url(port + EVIDENTLY),
        REPORTS_URL_VARIABLE: url(port + REPORTS),
        DESK_URL_VARIABLE: url(port + DESK),
    }
    probe = f"import socket; socket.create_connection(('{HOST}', {port + CODE}), 1)"
    ready = f"until {shlex.join([sys.executable, '-c', probe])} 2>/dev/null; do sleep 0.5; done"
    manager = Manager()
    for name, (command, _) in wanted.items():
        line = f"exec {shlex.join(command)}"
        # A UI that starts before the code server greets its user with a traceback.
        needs_code = name in ("dagster", "daemon")
        manager.add_process(name, f"{ready}; {line}" if needs_code else line, env=environment)
    manager.loop()
    return int(manager.returncode or 0)


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((HOST, port)) != 0

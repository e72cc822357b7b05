"""The user interfaces of a home, all on loopback, under one process manager."""

import os
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from assets.errors import NightshiftError
from orchestration.resources.installation import REPORTS_PORT

if TYPE_CHECKING:
    from orchestration.session import Session

HOST = "127.0.0.1"
CODE_PORT = 4266


class PortTaken(NightshiftError):
    """Something else listens where a user interface should."""


def processes(session: "Session", port: int) -> dict[str, tuple[list[str], int]]:
    """Name → command and port of every process; ``port`` is the Dagster UI's, others follow it."""
    binaries = Path(sys.executable).parent
    home = session.home
    location = ["--workspace", str(home.dagster / "workspace.yaml")]
    return {
        # One code server for the UI and the daemon: half the start-up of one each.
        "code": (
            [
                str(binaries / "dagster"),
                "api",
                "grpc",
                "--module-name",
                "orchestration.definitions",
                "--host",
                HOST,
                "--port",
                str(CODE_PORT),
            ],
            CODE_PORT,
        ),
        "dagster": (
            [str(binaries / "dagster-webserver"), "--host", HOST, "--port", str(port), *location],
            port,
        ),
        "daemon": ([str(binaries / "dagster-daemon"), "run", *location], 0),
        "mlflow": (
            [
                str(binaries / "mlflow"),
                "server",
                "--backend-store-uri",
                home.registry_uri,
                "--default-artifact-root",
                home.models.as_uri(),
                "--host",
                HOST,
                "--port",
                str(port + 1),
                "--workers",
                "1",
                "--allowed-hosts",
                f"localhost:{port + 1},{HOST}:{port + 1}",
            ],
            port + 1,
        ),
        "evidently": (
            [
                str(binaries / "evidently"),
                "ui",
                "--workspace",
                str(home.evidently_workspace),
                "--host",
                HOST,
                "--port",
                str(port + 2),
            ],
            port + 2,
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
                str(REPORTS_PORT),
            ],
            REPORTS_PORT,
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
            {"grpc_server": {"host": HOST, "port": CODE_PORT, "location_name": "nightshift"}}
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
    }
    probe = f"import socket; socket.create_connection(('{HOST}', {CODE_PORT}), 1)"
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

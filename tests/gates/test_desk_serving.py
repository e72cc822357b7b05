"""The desk as a process: on loopback alone, with a key of its own, gone with ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from orchestration.desk.serving import DeskError, cookie_key, serve
from orchestration.dev import DESK, processes
from orchestration.session import Session
from tests.ui.desk_home import PASSWORD, Desk, make_desk

COMMAND = "import typer; from orchestration.desk_cli import desk; typer.run(desk)"


def test_a_desk_process_listens_on_loopback_only(tmp_path: Path) -> None:
    desk, port = make_desk(tmp_path), _free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--home", str(desk.home.root), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith(("NIGHTSHIFT_", "DAGSTER_"))},
        text=True,
    )
    try:
        answer = _answer(f"http://127.0.0.1:{port}/health", process)
        assert answer.json() == {"status": "ok"}
        assert "server" not in answer.headers
        listening = [
            c.laddr
            for c in psutil.Process(process.pid).net_connections(kind="inet")
            if c.status == psutil.CONN_LISTEN
        ]
        assert [(at.ip, at.port) for at in listening] == [("127.0.0.1", port)]
        assert cookie_key(desk.home).stat().st_mode & 0o777 == 0o600
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert f"review desk  http://127.0.0.1:{port}" in said
    assert "GET /health 200" in said
    assert PASSWORD not in said
    assert "Traceback" not in said


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DeskError, match=f"port {port} .*--port"):
            serve(tmp_path / "home", [], port)
    assert not (tmp_path / "home").exists()


def test_make_dev_starts_the_desk_of_the_same_home(tmp_path: Path) -> None:
    desk: Desk = make_desk(tmp_path)
    command, port = processes(Session(desk.home), 4000)["desk"]
    assert port == 4000 + DESK
    assert command[1:] == ["desk", "--home", str(desk.home.root), "--port", str(port)]
    assert Path(command[0]).name == "nightshift"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answer(url: str, process: "subprocess.Popen[str]") -> httpx.Response:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            return httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"{url} never answered")

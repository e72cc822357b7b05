"""Alerts go out by channels that answer, and wait for those that do not; no night stops for it."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import pytest

import assets.alert_channels
from assets.alert_channels import channels, send_waiting, waiting
from assets.alerts import Alert, raise_alert
from assets.home import Home
from assets.lake import Lake
from assets.tables import ALERTS

DAY = date(2026, 3, 1)
ALERT = Alert("parcels", DAY, "it burns", "Smoke <in> the hall & roof.", "Stopped.", "Look.")
SECRET = "T0ken-nobody-may-see"  # noqa: S105


@dataclass
class Receiver:
    """What a server got, and how it answers."""

    url: str = ""
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(assets.alert_channels, "TIMEOUT", 0.4)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server."""
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.got.append(json.loads(body))
            known.headers.append(dict(self.headers))
            self.send_response(known.status)
            if known.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        known.url = f"http://127.0.0.1:{server.server_port}/hook/{SECRET}"
        yield known
        server.shutdown()


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose every caller is talked to like that."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(caller,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def nobody() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def other(number: int) -> Alert:
    return replace(ALERT, incident=f"it burns {number}", happened=f"Smoke {number}.")


def test_without_a_setting_nothing_is_sent_and_nothing_waits(home: Home, lake: Lake) -> None:
    assert channels({}) == []
    assert raise_alert(home, lake, ALERT, "run-1")
    assert not home.alerts_waiting.exists()


def test_a_webhook_gets_the_alert_once(
    home: Home, lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", receiver.url)
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK_TOKEN", SECRET)
    assert raise_alert(home, lake, ALERT, "run-1")
    assert not raise_alert(home, lake, ALERT, "run-2")
    (got,), (headers,) = receiver.got, receiver.headers
    assert got == json.loads(home.alert_log.read_text())
    assert (got["use_case"], got["day"], got["happened"]) == (
        "parcels",
        "2026-03-01",
        ALERT.happened,
    )
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["Idempotency-Key"] == ALERT.alert_id
    assert waiting(home) == {}


def test_slack_gets_words_in_which_nothing_is_a_command(
    home: Home, lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERT_SLACK", receiver.url)
    raise_alert(home, lake, replace(ALERT, happened="<!channel> & so on"), "run-1")
    (got,) = receiver.got
    assert got == {
        "text": "*parcels, 2026-03-01*: &lt;!channel&gt; &amp; so on\n*The road did:* Stopped.\n"
        "*A person should:* Look."
    }


@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_is_refused_waits_and_goes_out_with_the_next(
    home: Home,
    lake: Lake,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", receiver.url)
    receiver.status = status
    with caplog.at_level(logging.WARNING):
        assert raise_alert(home, lake, ALERT, "run-1")
    assert lake.read_day("parcels", ALERTS, DAY).num_rows == 1
    assert waiting(home) == {"webhook": 1}
    assert len(receiver.got) == 1  # a redirection is not followed
    assert f"webhook took not all alerts: it answered {status}; 1 alert waits" in caplog.text
    assert SECRET not in caplog.text
    receiver.status = 204
    raise_alert(home, lake, other(1), "run-2")
    assert {one["happened"] for one in receiver.got[1:]} == {ALERT.happened, "Smoke 1."}
    assert waiting(home) == {}


def test_one_that_is_never_taken_keeps_no_other_back(
    home: Home, lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", receiver.url)
    receiver.status = 400
    raise_alert(home, lake, ALERT, "run-1")
    raise_alert(home, lake, other(1), "run-1")
    assert waiting(home) == {"webhook": 2}
    assert len(receiver.got) == 3


def hang(caller: socket.socket) -> None:
    caller.recv(1)


def drip(caller: socket.socket) -> None:
    """Answers a letter at a time: no read ever times out."""
    caller.settimeout(10)
    try:
        for letter in "HTTP/1.0 200 very slow" * 10:
            caller.sendall(letter.encode())
            threading.Event().wait(0.1)
    except OSError:
        pass


@pytest.mark.parametrize("talk", [hang, drip])
def test_one_that_does_not_answer_costs_its_timeout_and_no_more(
    home: Home,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    talk: Callable[[socket.socket], None],
) -> None:
    with listening(talk) as port:
        monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", f"http://127.0.0.1:{port}/{SECRET}")
        for number in range(2):
            started = monotonic()
            assert raise_alert(home, lake, other(number), "run-1")
            assert monotonic() - started < 2
    assert waiting(home) == {"webhook": 2}
    assert "answer" in caplog.text
    assert SECRET not in caplog.text


def test_one_that_is_not_there_keeps_nobody_else_waiting(
    home: Home,
    lake: Lake,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", f"http://127.0.0.1:{nobody()}/{SECRET}")
    monkeypatch.setenv("NIGHTSHIFT_ALERT_SLACK", receiver.url)
    monkeypatch.setenv("NIGHTSHIFT_ALERT_SMTP", f"smtp://127.0.0.1:{nobody()}")
    assert raise_alert(home, lake, ALERT, "run-1")
    assert waiting(home) == {"mail": 1, "webhook": 1}
    assert len(receiver.got) == 1
    assert "Connection refused" in caplog.text
    assert "NIGHTSHIFT_ALERT_MAIL_TO names nobody" in caplog.text
    assert SECRET not in caplog.text
    # Its place mended, what waited goes out with nothing new to tell.
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", receiver.url)
    send_waiting(home, channels())
    assert waiting(home) == {"mail": 1}
    assert len(receiver.got) == 2


def test_a_wrong_address_is_said_without_the_address(
    home: Home,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERT_WEBHOOK", f"file:///etc/{SECRET}")
    monkeypatch.setenv("NIGHTSHIFT_ALERT_SLACK", f"https://user:{SECRET}@nowhere.invalid:x/")
    monkeypatch.setenv("NIGHTSHIFT_ALERT_SMTP", f"ftp://{SECRET}")
    monkeypatch.setenv("NIGHTSHIFT_ALERT_MAIL_TO", "on-call@example.com")
    assert raise_alert(home, lake, ALERT, "run-1")
    assert waiting(home) == {"mail": 1, "slack": 1, "webhook": 1}
    assert "does not begin with https://" in caplog.text
    assert "not like smtp://" in caplog.text
    kept = "".join(file.read_text() for file in home.alerts_waiting.glob("*.json"))
    assert SECRET not in caplog.text + kept + repr(channels())


@dataclass
class Post:
    """A mail server that speaks as much SMTP as is needed; ``refuses``: everybody's mail."""

    refuses: bool = False
    mails: list[str] = field(default_factory=list)
    logins: int = 0

    def talk(self, caller: socket.socket) -> None:
        lines = caller.makefile("rw", newline="\r\n")

        def say(line: str) -> None:
            lines.write(f"{line}\r\n")
            lines.flush()

        say("220 post")
        for line in lines:
            word = line.split()[0].upper()
            if word == "EHLO":
                say("250-post")
                say("250 AUTH PLAIN")
            elif word == "AUTH":
                self.logins += 1
                say("235 you are")
            elif word == "RCPT" and self.refuses:
                say(f"550 no such user {SECRET}")
            elif word == "DATA":
                say("354 go on")
                mail = []
                while (line := lines.readline().rstrip("\r\n")) != ".":
                    mail.append(line)
                self.mails.append("\n".join(mail))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


def test_a_mail_goes_to_everybody_named(
    home: Home, lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post = Post(refuses=True)
    with listening(post.talk) as port:
        monkeypatch.setenv("NIGHTSHIFT_ALERT_SMTP", f"smtp://night@127.0.0.1:{port}")
        monkeypatch.setenv("NIGHTSHIFT_ALERT_SMTP_PASSWORD", SECRET)
        monkeypatch.setenv("NIGHTSHIFT_ALERT_MAIL_TO", "on-call@example.com, owner@example.com")
        monkeypatch.setenv("NIGHTSHIFT_ALERT_MAIL_FROM", "night@example.com")
        raise_alert(home, lake, replace(ALERT, incident="two\nlines: cut"), "run-1")
        assert waiting(home) == {"mail": 1}
        assert "it takes no mail for any of them" in caplog.text
        assert SECRET not in caplog.text
        post.refuses = False
        send_waiting(home, channels())
    assert waiting(home) == {}
    assert post.logins == 2
    mail = message_from_string(post.mails[0])
    assert mail["Subject"] == "[nightshift] parcels 2026-03-01: two lines: cut"
    assert mail["To"] == "on-call@example.com, owner@example.com"
    assert mail["From"] == "night@example.com"
    assert mail.get_payload() == (
        "Smoke <in> the hall & roof.\n\nThe road did: Stopped.\n\nA person should: Look."
    )


def test_a_password_goes_to_no_strange_host_unsealed(
    monkeypatch: pytest.MonkeyPatch, home: Home, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    post = Post()
    with listening(post.talk) as port:
        monkeypatch.setattr(assets.alert_channels, "LOCAL", ())
        monkeypatch.setenv("NIGHTSHIFT_ALERT_SMTP", f"smtp://night@127.0.0.1:{port}")
        monkeypatch.setenv("NIGHTSHIFT_ALERT_SMTP_PASSWORD", SECRET)
        monkeypatch.setenv("NIGHTSHIFT_ALERT_MAIL_TO", "on-call@example.com")
        raise_alert(home, lake, ALERT, "run-1")
    assert (post.logins, post.mails) == (0, [])
    assert "no encryption: the password is not sent" in caplog.text

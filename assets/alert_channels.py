"""Where alerts go besides the log and the table: a webhook, Slack, e-mail, by the environment.

========================================  ==========================================================
``NIGHTSHIFT_ALERT_WEBHOOK``              address that takes the alert as a JSON object (POST)
``NIGHTSHIFT_ALERT_WEBHOOK_TOKEN``        sent with it as ``Authorization: Bearer``
``NIGHTSHIFT_ALERT_SLACK``                address of a Slack "incoming webhook"
``NIGHTSHIFT_ALERT_SMTP``                 mail server: ``smtp://user@host:587``, ``smtps://...``
``NIGHTSHIFT_ALERT_SMTP_PASSWORD``        of that user
``NIGHTSHIFT_ALERT_MAIL_TO``              who gets the mail, separated by commas
``NIGHTSHIFT_ALERT_MAIL_FROM``            whose name is on it
========================================  ==========================================================

An alert is kept in ``home.alerts_waiting`` until its channel took it: one that does not answer
stops no night, and what waits is sent again with the next alert. A channel may get an alert twice
(killed between its answer and the deletion), never none; ``Idempotency-Key`` and ``Message-ID``
tell it so. Addresses and passwords are secrets: they are in no message, log or file.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from assets.durable import remove, write_whole
from assets.errors import NightshiftError

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from assets.home import Home

TIMEOUT = 5.0
"""Seconds a channel has for an alert, from looking up its name to its answer."""

WEBHOOK, SLACK, MAIL = "webhook", "slack", "mail"

LONGEST = 4
"""Timeouts a channel may take for all that waits, where it answers and takes nothing."""

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts to which a password may go unencrypted."""

SUBJECT = 150
"""Characters of a mail's subject."""

log = logging.getLogger("nightshift.alerts")

Told = Mapping[str, str]
"""An alert as it stands in the log: use_case, day, incident, happened, road_did, person_should,
alert_id, run_id."""


class ChannelError(NightshiftError):
    """An alert cannot be sent by a channel. The message says why and names no secret."""


@dataclass(frozen=True)
class Channel:
    """A place alerts go to. ``send`` raises whatever goes wrong; its second argument: seconds."""

    name: str
    send: Callable[[Told, float], None] = field(repr=False)


def channels(environment: Mapping[str, str] | None = None) -> list[Channel]:
    """Those the environment names, maybe none. A wrong setting shows when an alert is sent."""
    given = os.environ if environment is None else environment
    found = []
    if address := given.get("NIGHTSHIFT_ALERT_WEBHOOK"):
        token = given.get("NIGHTSHIFT_ALERT_WEBHOOK_TOKEN", "")
        found.append(Channel(WEBHOOK, partial(_to_webhook, address, token)))
    if address := given.get("NIGHTSHIFT_ALERT_SLACK"):
        found.append(Channel(SLACK, partial(_to_slack, address)))
    if server := given.get("NIGHTSHIFT_ALERT_SMTP"):
        mail = _Mail(
            server,
            given.get("NIGHTSHIFT_ALERT_SMTP_PASSWORD", ""),
            [one.strip() for one in given.get("NIGHTSHIFT_ALERT_MAIL_TO", "").split(",") if one],
            given.get("NIGHTSHIFT_ALERT_MAIL_FROM") or "nightshift@localhost",
        )
        found.append(Channel(MAIL, mail.send))
    return found


def keep(home: "Home", told: Told, out: Sequence[Channel]) -> None:
    """Put an alert where it waits for its channels; again, it is there once."""
    for channel in out:
        name = f"{told['day']}_{told['alert_id']}.{channel.name}.json"
        write_whole(home.alerts_waiting / name, json.dumps(dict(told), sort_keys=True))


def send_waiting(home: "Home", out: Sequence[Channel]) -> None:
    """Send what waits, the oldest first; a channel that fails keeps the rest until the next time.

    Raises nothing because of a channel; StorageError where what was sent cannot be deleted.
    """
    if not out or not any(_waiting(home).values()):
        return
    with (home.alerts_waiting / ".lock").open("a") as lock:
        # Another run may be at it: an alert goes out once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for channel in out:
            _send(channel, _waiting(home).get(channel.name, []), TIMEOUT)


def waiting(home: "Home") -> dict[str, int]:
    """Channel to the number of alerts that wait for it, without those no alert waits for."""
    return {name: len(files) for name, files in sorted(_waiting(home).items())}


def _send(channel: Channel, files: "Sequence[Path]", timeout: float) -> None:
    until = time.monotonic() + LONGEST * timeout
    left, wrong = len(files), ""
    for file in files:
        told = json.loads(file.read_text())
        answered, said = _within(timeout, partial(channel.send, told, timeout))
        if not said:
            remove(file)
            left -= 1
            continue
        wrong = said
        # One that answers may want another alert, though it did not want this one.
        if not answered or time.monotonic() > until:
            break
    if left:
        count = "1 alert waits" if left == 1 else f"{left} alerts wait"
        log.warning("%s took not all alerts: %s; %s for the next time", channel.name, wrong, count)


def _waiting(home: "Home") -> "dict[str, list[Path]]":
    found: dict[str, list[Path]] = {}
    for file in sorted(home.alerts_waiting.glob("*.json")):
        found.setdefault(file.name.split(".")[-2], []).append(file)
    return found


def _within(seconds: float, send: Callable[[], None]) -> tuple[bool, str]:
    """Whether there was an answer within the time, and why nothing was sent; empty where it was.

    In a thread: a socket's timeout starts anew with every byte, and asking for a name has none.
    """
    said: list[tuple[bool, str]] = []

    def attempt() -> None:
        try:
            send()
        except Exception as error:  # whatever it is, no night stops for it
            said.append(_why(error))
        else:
            said.append((True, ""))

    thread = Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return said[0] if said else (False, f"no answer within {seconds:g} s")


def _why(error: Exception) -> tuple[bool, str]:
    """Whether it is an answer, and what went wrong, in words that hold neither address nor
    password, as an error's own text may."""
    import smtplib
    from ssl import SSLError
    from urllib.error import HTTPError, URLError

    if isinstance(error, ChannelError):
        return False, str(error)
    if isinstance(error, HTTPError):
        return True, f"it answered {error.code}"
    if isinstance(error, smtplib.SMTPResponseException):
        return True, f"it answered {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return True, "it takes no mail for any of them"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return False, "it did not answer in time"
    if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, SSLError):
        return False, cause.strerror
    return False, type(cause).__name__


def _to_webhook(address: str, token: str, told: Told, timeout: float) -> None:
    more = {"Authorization": f"Bearer {token}"} if token else {}
    _post(address, dict(told), {"Idempotency-Key": told["alert_id"], **more}, timeout)


def _to_slack(address: str, told: Told, timeout: float) -> None:
    """Format: https://docs.slack.dev/messaging/formatting-message-text (what to escape)."""

    def safe(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    text = (
        f"*{safe(told['use_case'])}, {told['day']}*: {safe(told['happened'])}\n"
        f"*The road did:* {safe(told['road_did'])}\n"
        f"*A person should:* {safe(told['person_should'])}"
    )
    _post(address, {"text": text}, {}, timeout)


def _post(
    address: str, content: Mapping[str, str], headers: Mapping[str, str], timeout: float
) -> None:
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Nowhere(HTTPRedirectHandler):
        """An alert goes to whom it is meant for, or stays here."""

        def redirect_request(self, *_: object) -> None:
            return None

    if urlsplit(address).scheme not in ("http", "https"):
        raise ChannelError("its address does not begin with https:// (or http://)")
    request = Request(
        address,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json", **headers},
        method="POST",
    )
    with build_opener(Nowhere()).open(request, timeout=timeout):
        pass


@dataclass(frozen=True)
class _Mail:
    server: str
    password: str = field(repr=False)
    to: Sequence[str]
    sender: str

    def send(self, told: Told, timeout: float) -> None:
        import smtplib
        import ssl

        if not self.to:
            raise ChannelError("NIGHTSHIFT_ALERT_MAIL_TO names nobody")
        place = _server(self.server)
        host, tls = str(place.hostname), ssl.create_default_context()
        if place.scheme == "smtps":
            mail: smtplib.SMTP = smtplib.SMTP_SSL(
                host, place.port or 465, timeout=timeout, context=tls
            )
        else:
            mail = smtplib.SMTP(host, place.port or 25, timeout=timeout)
        with mail:
            sealed = place.scheme == "smtps"
            mail.ehlo()
            if not sealed and mail.has_extn("starttls"):
                mail.starttls(context=tls)
                sealed = True
            if place.username:
                if not sealed and host not in LOCAL:
                    raise ChannelError("it offers no encryption: the password is not sent")
                mail.login(place.username, self.password)
            mail.send_message(self._message(told))

    def _message(self, told: Told) -> "EmailMessage":
        from email.message import EmailMessage
        from email.utils import formatdate

        message = EmailMessage()
        subject = f"[nightshift] {told['use_case']} {told['day']}: {told['incident']}"
        message["Subject"] = " ".join(subject.split())[:SUBJECT]
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{told['alert_id']}@nightshift>"
        message.set_content(
            f"{told['happened']}\n\n"
            f"The road did: {told['road_did']}\n\n"
            f"A person should: {told['person_should']}\n"
        )
        return message


def _server(address: str) -> SplitResult:
    place = urlsplit(address if "://" in address else f"smtp://{address}")
    if place.scheme not in ("smtp", "smtps") or not place.hostname:
        raise ChannelError("NIGHTSHIFT_ALERT_SMTP is not like smtp://user@host:587")
    return place

"""A Dagster logger for people at a terminal: which step is at work, and what it says of itself."""

import logging
from typing import Any

import dagster as dg
import typer

NAME = "progress"


def _terminal_logger(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger(NAME, level=logging.DEBUG)  # step events come at this level
    logger.addHandler(_Terminal())
    return logger


progress_logger = dg.LoggerDefinition(
    _terminal_logger,
    description="One line per step started and per message of a step, on standard error.",
)


class _Terminal(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        about: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = about.get("dagster_event")
        if event is None and record.levelno >= logging.INFO:
            typer.echo(f"      {about.get('orig_message', record.getMessage())}", err=True)
        elif event is not None and event.event_type == dg.DagsterEventType.STEP_START:
            typer.echo(f"      {event.step_key} …", err=True)

"""From the time on a zone's clocks to the instant, and the times those clocks do not have."""

from assets.ingestion.sql_text import named_sql, sql_text

DAY = 86_400_000_000
FIRST, LAST = -62135596800000000, 253402300799999999
"""Microseconds since 1970 of the first and the last instant of years 1 to 9999 UTC."""


def instant_sql(local: str, zone: str) -> str:
    """TIMESTAMPTZ of a naive TIMESTAMP expression; NULL where the clocks of ``zone`` leave that
    time out (spring) or show it twice (autumn), and outside the years 1 to 9999 UTC.

    Does not depend on the session's zone. The engine's own conversion would move a time that does
    not exist and pick one of two without a word; so the offsets of a day before and a day after
    are tried, and exactly one of them must give back the local time.
    """
    if zone == "UTC":
        return f"make_timestamptz(epoch_us({local}))"
    before, after = (_offset(zone, f"x {sign} {DAY}") for sign in ("-", "+"))
    earlier, later = (f"(x - o[{n}] + {_offset(zone, f'x - o[{n}]')} = x)" for n in (1, 2))
    offset = (
        f"CASE WHEN o[1] = o[2] THEN o[1] WHEN {earlier} <> {later} "
        f"THEN CASE WHEN {earlier} THEN o[1] ELSE o[2] END END"
    )
    offset = named_sql("o", f"[{before}, {after}]", offset)
    micros = named_sql("x", f"epoch_us({local})", f"x - {offset}")
    return named_sql("u", f"make_timestamptz({micros})", in_range_sql("u"))


def in_range_sql(instant: str) -> str:
    """A TIMESTAMPTZ expression, NULL where Python and Arrow readers have no such year."""
    # As numbers: a literal of a time with an offset would be read by the session's zone.
    return f"CASE WHEN epoch_us({instant}) BETWEEN {FIRST} AND {LAST} THEN {instant} END"


def _offset(zone: str, micros: str) -> str:
    """Offset from UTC, in microseconds, at an instant given in microseconds since 1970."""
    return f"(epoch_us(timezone({sql_text(zone)}, make_timestamptz({micros}))) - ({micros}))"

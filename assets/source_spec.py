"""What is true of a source of files: columns, dialect, lateness, and the limits of its gates."""

import codecs
import re
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ColumnType = Literal["string", "int", "float", "bool", "timestamp", "date"]
DURATION = re.compile(r"^(\d+)([dh])$")
TIME_FORMATS = ("iso", "excel_serial", "epoch_seconds", "epoch_milliseconds")
Thousands = Literal["", ".", ",", " ", "'"]


def parse_duration(text: str) -> timedelta:
    """``"30d"`` or ``"12h"`` as a timedelta. Raises ValueError on anything else."""
    match = DURATION.match(text)
    if match is None:
        raise ValueError(f"'{text}' is not a duration: write days or hours, like 30d or 12h")
    amount = int(match.group(1))
    return timedelta(days=amount) if match.group(2) == "d" else timedelta(hours=amount)


class Block(BaseModel):
    """A block of the spec: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnSpec(Block):
    """One column of a source file."""

    type: ColumnType = Field(description="Type the text of the file must parse to.")
    header: str | None = Field(
        default=None,
        description="Name in the file where it is another, like 'Net weight [kg]'.",
    )
    given: Literal["row_id", "file_date"] | None = Field(
        default=None,
        description=(
            "Not in the file: the door gives it. row_id (string): 16 hex digits that tell the row "
            "apart, the same whenever the same rows land again. file_date (timestamp or date): "
            "the date in the file's name, 00:00 UTC."
        ),
    )
    required: bool = Field(default=True, description="A null is refused when true.")
    min: float | None = Field(default=None, description="Smallest value allowed, inclusive.")
    max: float | None = Field(default=None, description="Largest value allowed, inclusive.")
    values: list[str] | None = Field(default=None, description="The only categories allowed.")
    pii: Literal["pseudonymise", "drop"] | None = Field(
        default=None,
        description="Personal data: replaced by a keyed token, or never taken past the file.",
    )
    unit: str | None = Field(default=None, description="Unit of the value, for people.")
    description: str = Field(default="", description="Shown in dbt, Dagster and reports.")
    nulls: list[str] = Field(
        default=[],
        description="Spellings of null in this column beside the source's: sentinels like '-200'.",
    )
    formats: list[str] = Field(
        default=["iso"],
        min_length=1,
        description=(
            "How times and dates are written, tried in this order: iso, excel_serial, "
            "epoch_seconds, epoch_milliseconds, or a pattern like '%d.%m.%Y %H:%M'."
        ),
    )
    decimal: Literal[".", ","] | None = Field(default=None, description="Overrides the source's.")
    thousands: Thousands | None = Field(default=None, description="Overrides the source's.")
    digits: int | None = Field(
        default=None,
        ge=1,
        description="A text of exactly so many digits, so that lost leading zeros are noticed.",
    )
    pattern: str | None = Field(
        default=None, description="RE2 expression that the whole text must match."
    )

    @field_validator("formats")
    @classmethod
    def _known_formats(cls, formats: list[str]) -> list[str]:
        for one in formats:
            if one not in TIME_FORMATS and "%" not in one:
                raise ValueError(
                    f"format '{one}' is neither one of {', '.join(TIME_FORMATS)} nor a pattern "
                    "with %, like '%d.%m.%Y'"
                )
        return formats

    @model_validator(mode="after")
    def _consistent(self) -> "ColumnSpec":
        if self.given is not None:
            self._only_given(self.given)
        if (self.digits is not None or self.pattern is not None) and self.type != "string":
            raise ValueError("'digits' and 'pattern' go with type: string")
        if self.formats != ["iso"] and self.type not in ("timestamp", "date"):
            raise ValueError("'formats' goes with type: timestamp or date")
        if (self.decimal or self.thousands) and self.type not in ("int", "float"):
            raise ValueError("'decimal' and 'thousands' go with type: int or float")
        if self.values is not None and self.type != "string":
            raise ValueError("'values' goes with type: string")
        if (self.min is not None or self.max is not None) and self.type not in ("int", "float"):
            raise ValueError("'min' and 'max' go with type: int or float")
        if self.pii == "pseudonymise" and self.type != "string":
            raise ValueError("pii: pseudonymise makes a text token, so the column is type: string")
        return self

    def _only_given(self, what: Literal["row_id", "file_date"]) -> None:
        """Raises ValueError unless the column is of a type the door can give, and no more."""
        types = ("string",) if what == "row_id" else ("timestamp", "date")
        if self.type not in types:
            raise ValueError(f"given: {what} is of type {' or '.join(types)}, not {self.type}")
        said = [
            name
            for name, field in ColumnSpec.model_fields.items()
            if name not in ("type", "given", "unit", "description")
            and getattr(self, name) != field.get_default()
        ]
        if said:
            raise ValueError(
                f"given: {what} is made by the door, so '{said[0]}' has nothing to say; leave it "
                "out"
            )


class LateSpec(Block):
    """Rows for an earlier day than their file's."""

    within: str = Field(
        default="0d",
        description="How late a row may come, like 3d, and still be taken into its own day.",
    )
    then: Literal["mark", "rebuild", "rerun"] = Field(
        default="mark",
        description=(
            "What a late row asks for beside marking its day as stale: rebuild (marts and "
            "features of that day) or rerun (its whole night, decisions included)."
        ),
    )

    @field_validator("within")
    @classmethod
    def _whole_days(cls, value: str) -> str:
        if parse_duration(value) % timedelta(days=1):
            raise ValueError(f"late.within '{value}': lateness is counted in whole days, like 3d")
        return value

    @property
    def days(self) -> int:
        return parse_duration(self.within).days


class DoorGatesSpec(Block):
    """Limits of the gates at the door. All are on; these are the values they judge by.

    The defaults are wide: they stop what is broken, not what has changed (drift reports tell that).
    """

    volume: tuple[float, float] = Field(
        default=(0.5, 2.0), description="Rows of the day over the median of the same weekday."
    )
    freshness: str | None = Field(
        default=None,
        description=(
            "How old the newest row (a snapshot: the file) may be when the day closes, like 36h. "
            "Default: 24h for a daily source with a timestamp, no limit for others."
        ),
    )
    duplicate_keys: float = Field(
        default=0.05, ge=0, le=1, description="Largest share of rows that repeat a key."
    )
    null_share: float = Field(
        default=0.25, ge=0, le=1, description="Largest rise of a column's null share, absolute."
    )
    range_drift: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Largest share of a column's values outside the range of the days before.",
    )
    category_drift: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Largest total variation distance of a column's categories from before.",
    )
    quarantined: float = Field(
        default=0.5, gt=0, le=1, description="Largest share of landed rows in quarantine."
    )
    future_timestamps: float = Field(
        default=0.05, ge=0, le=1, description="Largest share of rows dated after the day closed."
    )
    references: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Largest share of the population's entities a feature source knows nothing of.",
    )
    min_rows: int = Field(default=20, ge=1, description="Fewer rows: insufficient, not 'pass'.")
    history_days: int = Field(default=56, ge=7, description="Days looked back upon.")
    min_history: int = Field(
        default=3, ge=1, description="Fewer days (of the same weekday for volume): insufficient."
    )
    insufficient: Literal["proceed", "stop"] = Field(
        default="proceed", description="What an insufficient verdict at the door means."
    )

    @field_validator("freshness")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @model_validator(mode="after")
    def _ordered(self) -> "DoorGatesSpec":
        if not 0 <= self.volume[0] <= self.volume[1]:
            raise ValueError("gates.volume: the lower ratio comes first and is not negative")
        return self


class SourceSpec(Block):
    """A source system that drops files under ``landing/<use_case>/<source>/``.

    A file's business date is the ISO date in its name.
    """

    format: Literal["csv", "parquet"] = "csv"
    arrival: Literal["daily", "optional", "snapshot"] = Field(
        default="daily",
        description=(
            "daily: a partition without a file fails. optional: a partition may have none. "
            "snapshot: the newest file dated on or before the partition stands for the source."
        ),
    )
    timestamp: str | None = Field(
        default=None,
        description="Column whose UTC day must be the partition's; other rows are quarantined.",
    )
    encoding: str = Field(
        default="utf-8",
        description="Of a CSV file, by its Python name (utf-8, latin-1, cp1252, utf-16 ...); a "
        "byte order mark in the file wins.",
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: bool = Field(
        default=True, description="When false the columns come in the declared order."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Mark before the decimals.")
    thousands: Thousands = Field(default="", description="Mark between thousands, if any.")
    timezone: str = Field(
        default="UTC", description="IANA zone of times written without an offset."
    )
    nulls: list[str] = Field(default=[""], description="Spellings of null, beside an empty cell.")
    key: list[str] = Field(
        default=[], description="Column(s) that tell rows apart: no two of a day share them."
    )
    extra_columns: Literal["warn", "refuse", "ignore"] = Field(
        default="warn", description="What columns beyond the declared ones mean."
    )
    late: LateSpec = LateSpec()
    gates: DoorGatesSpec = DoorGatesSpec()
    columns: dict[str, ColumnSpec]

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"encoding '{value}' is unknown to Python") from None
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError):
            raise ValueError(f"timezone '{value}' is no IANA zone, like Europe/Berlin") from None
        return value

    @model_validator(mode="after")
    def _dialect_is_unambiguous(self) -> "SourceSpec":
        for name, column in self.columns.items():
            decimal = column.decimal or self.decimal
            thousands = self.thousands if column.thousands is None else column.thousands
            if column.type in ("int", "float") and thousands == decimal:
                raise ValueError(f"column '{name}': decimal and thousands mark are the same")
        for name in self.key:
            if name not in self.kept_columns:
                raise ValueError(f"key: '{name}' is not a column that passes the door")
        if self.late.days and self.timestamp is None:
            raise ValueError("late.within needs 'timestamp': it says which day a row is of")
        if self.late.days and self.arrival == "snapshot":
            raise ValueError("late.within does not go with arrival: snapshot")
        return self

    @model_validator(mode="after")
    def _timestamp_declared(self) -> "SourceSpec":
        if self.timestamp is not None:
            column = self.columns.get(self.timestamp)
            if column is None or column.type != "timestamp":
                raise ValueError(f"timestamp: '{self.timestamp}' is no timestamp column here")
            if column.given is not None:
                raise ValueError(
                    f"timestamp: '{self.timestamp}' is the file's own date, so no row could be of "
                    "another day; leave 'timestamp' of the source out"
                )
        return self

    @model_validator(mode="after")
    def _names_in_the_file(self) -> "SourceSpec":
        if not self.file_columns:
            raise ValueError("columns: none of them is in the file; declare one that is")
        ids = [name for name, column in self.columns.items() if column.given == "row_id"]
        if len(ids) > 1:
            raise ValueError(f"columns {', '.join(ids)} are all row_id: one is enough")
        if not self.header:
            for name, column in self.file_columns.items():
                if column.header is not None:
                    raise ValueError(
                        f"column '{name}': 'header' names a column of the file's header, and "
                        "header: false says there is none"
                    )
        seen: dict[str, str] = {}
        for name, written in self.headers.items():
            # Case and blanks around a name are forgiven when a file is read.
            plain = written.strip().casefold()
            if self.columns[name].header is not None and not plain:
                raise ValueError(f"column '{name}': its header is blank")
            other = seen.setdefault(plain, name)
            if other != name and (self.columns[name].header or self.columns[other].header):
                raise ValueError(
                    f"columns '{other}' and '{name}' are both '{written}' in the file: which is "
                    "meant would be unclear"
                )
        return self

    @property
    def file_columns(self) -> dict[str, ColumnSpec]:
        """Columns that are in the file: all but those the door gives."""
        return {name: c for name, c in self.columns.items() if c.given is None}

    @property
    def headers(self) -> dict[str, str]:
        """Name in the file of each column that is in it, by the column's own name."""
        return {name: c.header or name for name, c in self.file_columns.items()}

    @property
    def kept_columns(self) -> dict[str, ColumnSpec]:
        """Columns that pass the door: all but those marked ``pii: drop``."""
        return {name: c for name, c in self.columns.items() if c.pii != "drop"}

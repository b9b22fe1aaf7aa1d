"""One entry of `[[tables]]`: what is copied, and how."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from app.config.sections import FeedName, SchemaRule, Section

_QUOTED = re.compile(r'"(?:[^"]|"")*"')
ValueRule = Literal["text", "null", "fail"]
Mask = Literal["hash", "null", "redact", "partial"]
NumberRule = Literal["double", "decimal"]
ByteRule = Literal["bytes"]
# One list of words, so that a mistake is told once and with all of them.
Rule = Literal[ValueRule, NumberRule, ByteRule]
# "wal" is what an entry has whose changes come from the log: it is not for the config to say.
Watermark = Literal["updated_at", "xid", "none", "wal"]


class Table(Section):
    """One table, or a pattern like `shop.*`, and how it is copied.

    `columns` are the ones to copy, `exclude_columns` the ones not to; `where` picks rows, in PostgreSQL's SQL. `rename`
    is the table's name in the file, `other.*` for a pattern. `watermark` where none is given falls back to "none" for
    what has no key. `feed` is where changes come from, by default what [sync] says, if no watermark is given. `index`
    is what `track` puts on the stamp: from PostgreSQL 16 on a BRIN leaves updates HOT. `source` is a name of `sources`.
    `paused` leaves the table as it is published. `history` keeps every version of its rows that a run has seen,
    or with feed "wal" what each commit left.
    """

    name: str
    source: str | None = None
    watermark: Watermark = "updated_at"
    feed: FeedName | None = None
    deletes: Literal["tombstone", "compare", "soft", "ignore"] = "tombstone"
    key: list[str] | None = Field(default=None, min_length=1)
    stamp: str | None = None
    index: Literal["btree", "brin", "none"] = "btree"
    soft_column: str | None = None
    max_delete_share: float = Field(default=0.5, gt=0, le=1)
    exclude: list[str] = Field(default_factory=list)
    columns: list[str] | None = Field(default=None, min_length=1)
    exclude_columns: list[str] = Field(default_factory=list)
    where: str | None = Field(default=None, min_length=1)
    rename: str | None = None
    rename_columns: dict[str, str] = Field(default_factory=dict)
    mask: dict[str, Mask] = Field(default_factory=dict)
    on_value: ValueRule | None = None
    rules: dict[str, Rule] = Field(default_factory=dict)
    on_schema_change: SchemaRule | None = None
    paused: bool = False
    history: bool | Literal["commits"] = False

    @property
    def is_pattern(self) -> bool:
        """Whether the name has a `*` outside of quotes."""
        return "*" in _QUOTED.sub("", self.name)

    @model_validator(mode="after")
    def _soft_needs_a_column(self) -> Table:
        if (self.deletes == "soft") != (self.soft_column is not None):
            raise ValueError('deletes = "soft" and soft_column go together')
        return self

    @model_validator(mode="after")
    def _a_log_has_no_watermark(self) -> Table:
        if self.watermark == "wal":
            raise ValueError('watermark is "updated_at", "xid" or "none": write feed = "wal" for changes from the log')
        if self.feed == "wal" and "watermark" in self.model_fields_set:
            raise ValueError('feed = "wal" needs no watermark: give one or the other')
        return self

    @field_validator("history", mode="before")
    @classmethod
    def _history_is_of_runs_or_commits(cls, given: object) -> object:
        if not (isinstance(given, bool) or given == "commits"):
            raise ValueError('history is true, which keeps what each run has seen, or "commits"')
        return given

    @model_validator(mode="after")
    def _an_xid_has_no_brin(self) -> Table:
        if self.index == "brin" and self.watermark == "xid":
            raise ValueError('PostgreSQL has no BRIN index for xid8: index = "brin" goes with watermark = "updated_at"')
        return self

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Table:
        if self.columns is not None and self.exclude_columns:
            raise ValueError("give either columns or exclude_columns, not both")
        both = sorted(set(self.mask) & set(self.rules))
        if both:
            raise ValueError(f"{both[0]} has a mask, which leaves nothing for a rule: remove one of them")
        if self.exclude and not self.is_pattern:
            raise ValueError("exclude is for a pattern like shop.*")
        if self.rename and self.is_pattern != self.rename.endswith(".*"):
            raise ValueError('a pattern is renamed to another schema, "other.*", and a table to a table')
        return self

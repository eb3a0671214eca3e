"""Where SQLite and PostgreSQL need other words for the same: forms of text, JSON, triggers.

What is described here is described once; each database creates its own and never sees the other's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import CheckConstraint
    from sqlalchemy import Connection as CoreConnection

SQLITE = "sqlite"
CHECK_VIOLATION = "23514"
"""The SQLSTATE of a broken constraint (PostgreSQL 15, appendix A): the writer takes it as a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger that refuses with `words`, or else runs the statements of `action`, where `condition` holds."""

    name: str
    when: str
    """`BEFORE UPDATE ON entry`."""
    words: str = ""
    condition: str = ""
    action: str = ""

    def sqlite(self) -> str:
        """Return the statement that makes it on SQLite."""
        condition = f"WHEN {self.condition}\n" if self.condition else ""
        body = self.action or f"SELECT RAISE(ABORT, '{self.words}')"
        return f"CREATE TRIGGER {self.name} {self.when}\n{condition}BEGIN {body}; END"

    def postgresql(self) -> tuple[str, str]:
        """Return the statements that make it on PostgreSQL: its function, and itself."""
        refusal = f"RAISE EXCEPTION '{self.words}' USING ERRCODE = '{CHECK_VIOLATION}'"
        body = f"IF {self.condition or 'true'} THEN {self.action or refusal}; END IF;"
        row = "OLD" if "DELETE" in self.when else "NEW"
        return (
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN {row}; END $$",
            f"CREATE TRIGGER {self.name} {self.when} FOR EACH ROW EXECUTE FUNCTION {self.name}()",
        )


def history(immutable: Iterable[str], kept: Iterable[str]) -> tuple[Trigger, ...]:
    """Describe the triggers of tables whose rows never change, and of those whose rows are never deleted."""
    return (
        *(
            Trigger(name=f"{it}_is_immutable", when=f"BEFORE UPDATE ON {it}", words=f"a row of {it} never changes")
            for it in immutable
        ),
        *(
            Trigger(name=f"{it}_is_kept", when=f"BEFORE DELETE ON {it}", words=f"a row of {it} is never deleted")
            for it in kept
        ),
    )


def create_triggers(connection: "CoreConnection", triggers: Iterable[Trigger]) -> None:
    """Create triggers in the dialect of the connection."""
    for trigger in triggers:
        is_sqlite = connection.dialect.name == SQLITE
        for statement in (trigger.sqlite(),) if is_sqlite else trigger.postgresql():
            connection.exec_driver_sql(statement)


def form(name: str, rest: str, column: str, letters: str) -> "tuple[CheckConstraint, CheckConstraint]":
    """Describe a column that holds only letters of a set such as `0-9a-f`; `rest` is a condition beside it."""
    from sqlalchemy import CheckConstraint

    head = f"{rest} AND " if rest else ""
    return (
        CheckConstraint(f"{head}{column} NOT GLOB '*[^{letters}]*'", name=name).ddl_if(dialect=SQLITE),
        CheckConstraint(f"{head}{column} !~ '[^{letters}]'", name=name).ddl_if(dialect="postgresql"),
    )


def is_json(column: str) -> "tuple[CheckConstraint, CheckConstraint]":
    """Describe a column of JSON text."""
    from sqlalchemy import CheckConstraint

    name = f"{column}_is_json"
    return (
        CheckConstraint(f"json_valid({column})", name=name).ddl_if(dialect=SQLITE),
        CheckConstraint(f"{column}::json IS NOT NULL", name=name).ddl_if(dialect="postgresql"),
    )

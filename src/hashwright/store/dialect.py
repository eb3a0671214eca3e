"""Where SQLite and PostgreSQL need other words for the same: forms of text, JSON, and the triggers of migration 0001.

A constraint is described for both; each database creates its own and never sees the other's.
"""

from typing import Final

import sqlalchemy as sa

POSTGRESQL_TRIGGERS: Final = (
    """CREATE FUNCTION journal_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a journal row never changes' USING ERRCODE = '23514'; END $$""",
    """CREATE TRIGGER journal_is_immutable BEFORE UPDATE ON journal
FOR EACH ROW EXECUTE FUNCTION journal_is_immutable()""",
    """CREATE FUNCTION journal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF OLD.last_seq > (SELECT coalesce(max(seq), -1) FROM snapshot) THEN
RAISE EXCEPTION 'a journal row is kept until a snapshot covers it' USING ERRCODE = '23514';
END IF; RETURN OLD; END $$""",
    "CREATE TRIGGER journal_is_kept BEFORE DELETE ON journal FOR EACH ROW EXECUTE FUNCTION journal_is_kept()",
    """CREATE FUNCTION alert_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'an alert never changes' USING ERRCODE = '23514'; END $$""",
    "CREATE TRIGGER alert_is_immutable BEFORE UPDATE ON alert FOR EACH ROW EXECUTE FUNCTION alert_is_immutable()",
    """CREATE FUNCTION outbox_answer_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF OLD.state = 'done' OR NEW.key <> OLD.key OR NEW.kind <> OLD.kind OR NEW.payload <> OLD.payload THEN
RAISE EXCEPTION 'what was sent and answered never changes' USING ERRCODE = '23514';
END IF; RETURN NEW; END $$""",
    """CREATE TRIGGER outbox_answer_is_final BEFORE UPDATE ON outbox
FOR EACH ROW EXECUTE FUNCTION outbox_answer_is_final()""",
)
"""The same four as SQLite has; released with migration 0001, so they never change."""


def form(name: str, rest: str, column: str, letters: str) -> tuple[sa.CheckConstraint, sa.CheckConstraint]:
    """Describe a column that holds only letters of a set such as `0-9a-f`; `rest` is a condition beside it."""
    head = f"{rest} AND " if rest else ""
    return (
        sa.CheckConstraint(f"{head}{column} NOT GLOB '*[^{letters}]*'", name=name).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(f"{head}{column} !~ '[^{letters}]'", name=name).ddl_if(dialect="postgresql"),
    )


def is_json(column: str) -> tuple[sa.CheckConstraint, sa.CheckConstraint]:
    """Describe a column of JSON text."""
    name = f"{column}_is_json"
    return (
        sa.CheckConstraint(f"json_valid({column})", name=name).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(f"{column}::json IS NOT NULL", name=name).ddl_if(dialect="postgresql"),
    )

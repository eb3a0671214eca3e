"""Migrations and metadata describe one database, and its history defends itself."""

import re
import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from hashwright.store import migrations, schema
from hashwright.store.connection import connect_durable
from hashwright.store.sqlite import SqliteStore


@pytest.fixture
def database(tmp_path):
    store = SqliteStore.open(tmp_path)
    with closing(connect_durable(store.path)) as connection:
        yield connection
    store.close()


def described(connection):
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'")
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows}


def engine_of(connection):
    return create_engine("sqlite://", creator=lambda: connection, poolclass=NullPool)


def test_the_migrations_build_what_the_metadata_describes(database, tmp_path):
    with closing(sqlite3.connect(":memory:")) as fresh, engine_of(fresh).connect() as connection:
        schema.metadata.create_all(connection)
        assert described(database) == described(fresh)


def test_alembic_itself_sees_no_difference(database):
    with engine_of(database).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_the_list_of_revisions_is_the_one_of_the_files():
    script = ScriptDirectory(str(migrations.FOLDER), version_locations=[str(migrations.FOLDER)])
    assert tuple(step.revision for step in reversed(list(script.walk_revisions()))) == migrations.REVISIONS
    assert script.get_current_head() == migrations.HEAD_REVISION


@pytest.fixture
def either(engine, tmp_path):
    store = engine.open(tmp_path)
    with closing(store.connect()) as connection:
        yield connection
    store.close()


JOURNAL_ROW = "INSERT INTO journal VALUES ({first}, {last}, 0, 1, 0, zeroblob(32), zeroblob(32), x'00')"


def test_a_journal_row_never_changes(engine, either):
    either.execute(engine.sql(JOURNAL_ROW.format(first=1, last=2)))
    with pytest.raises(engine.integrity_error, match="never changes"):
        either.execute(engine.sql("UPDATE journal SET at_ms = 1"))


def test_a_journal_row_is_kept_until_a_snapshot_covers_it(engine, either):
    either.execute(engine.sql(JOURNAL_ROW.format(first=1, last=2)))
    either.execute(engine.sql(JOURNAL_ROW.format(first=3, last=4)))
    with pytest.raises(engine.integrity_error, match="until a snapshot covers it"):
        either.execute(engine.sql("DELETE FROM journal WHERE first_seq = 1"))
    either.execute(engine.sql("INSERT INTO snapshot VALUES (2, 0, 1, zeroblob(32), x'00')"))
    either.execute(engine.sql("DELETE FROM journal WHERE first_seq = 1"))
    with pytest.raises(engine.integrity_error, match="until a snapshot covers it"):
        either.execute(engine.sql("DELETE FROM journal WHERE first_seq = 3"))


def test_an_alert_never_changes(engine, either):
    either.execute(engine.sql("INSERT INTO alert (at_ms, level, code, text) VALUES (0, 'info', 'HW-304', 'x')"))
    with pytest.raises(engine.integrity_error, match="never changes"):
        either.execute(engine.sql("UPDATE alert SET text = 'y'"))


def test_an_answer_to_an_outside_effect_is_final(engine, either):
    either.execute(engine.sql("INSERT INTO outbox VALUES ('k', 'block', x'00', 'open', 0, NULL, NULL)"))
    with pytest.raises(engine.integrity_error, match="never changes"):
        either.execute(engine.sql("UPDATE outbox SET payload = x'01'"))
    either.execute(engine.sql("UPDATE outbox SET state = 'done', done_ms = 1, answer = ''"))
    with pytest.raises(engine.integrity_error, match="never changes"):
        either.execute(engine.sql("UPDATE outbox SET answer = 'other'"))


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO delivery VALUES (0, 'd', 'w', '{1:064d}', 'lost', '{1:065d}', 1, '{1:039d}')",
        "INSERT INTO journal VALUES (0, 2, 0, 1, 0, zeroblob(32), zeroblob(32), x'00')",
        "INSERT INTO journal VALUES (3, 2, 0, 1, 0, zeroblob(32), zeroblob(32), x'00')",
        "INSERT INTO journal VALUES (1, 2, 0, 1, 4294967296, zeroblob(32), zeroblob(32), x'00')",
        "INSERT INTO journal VALUES (1, 2, 0, 1, 0, zeroblob(31), zeroblob(32), x'00')",
        "INSERT INTO journal VALUES (1, 2, 'soon', 1, 0, zeroblob(32), zeroblob(32), x'00')",
        "INSERT INTO work VALUES (0, 'd', 'w', 'ff', 'accepted', 1, printf('%039d', 1))",
        "INSERT INTO work VALUES (0, 'd', 'w', printf('%064d', 1), 'accepted', 1, '1')",
        "INSERT INTO work VALUES (0, 'd', 'w', printf('%064d', 1), 'accepted', '1.5', printf('%039d', 1))",
        "INSERT INTO delivery VALUES (0, 'd', 'w', 'ff', 'accepted', '', 1, printf('%039d', 1))",
        "INSERT INTO delivery VALUES (0, 'd', 'w', printf('%064d', 1), 'credited', '', 1, printf('%039d', 1))",
        "INSERT INTO delivery VALUES (0, 'd', 'w', printf('%064d', 1), 'lost', '', 0, printf('%039d', 1))",
        "INSERT INTO delivery VALUES (0, 'd', 'w', printf('%064d', 1), 'lost', '', 1, '1')",
        "INSERT INTO asked VALUES (-1, 'd', printf('%039d', 1))",
        "INSERT INTO asked VALUES (0, 'd', '1')",
        "INSERT INTO block VALUES ('d', 'h', 1, 'w', '-1', 0, 'found', '', 0)",
        "INSERT INTO block VALUES ('d', 'h', 1, 'w', '1', 0, 'lost', '', 0)",
        "INSERT INTO outbox VALUES ('k', 'block', x'00', 'done', 0, NULL, NULL)",
        "INSERT INTO setting VALUES ('k', 'n', 'no json', 0)",
        "INSERT INTO alert (at_ms, level, code, text) VALUES (0, 'loud', 'HW-304', 'x')",
    ],
)
def test_a_wrong_value_is_refused(engine, either, statement):
    with pytest.raises(engine.integrity_error):
        either.execute(engine.sql(statement))

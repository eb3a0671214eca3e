import json

import pytest

from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw


@pytest.fixture
def folder(tmp_path):
    """A data folder with a database and a setting, and no process."""
    data = tmp_path / "data"
    store = SqliteStore.open(data)
    store.put_setting("note", "a", {"text": "kept"}, now=1)
    store.close()
    return data


def notes(folder):
    store = SqliteStore.open(folder, readonly=True)
    try:
        return store.settings("note")
    finally:
        store.close()


def test_a_backup_is_proven_and_says_where_it_is(capsys, folder, tmp_path):
    target = tmp_path / "copy.db"
    said = hw(capsys, "--data-dir", folder, "admin", "backup", target)
    assert (said.code, said.out) == (0, f"{target}\n")
    assert target.exists()
    again = hw(capsys, "--data-dir", folder, "admin", "backup", target)
    assert again.code == 1
    assert again.err.startswith("HW-610 ")


def test_a_backup_of_nothing_is_refused(capsys, tmp_path):
    said = hw(capsys, "--data-dir", tmp_path, "admin", "backup", tmp_path / "copy.db")
    assert said.code == 1
    assert said.err.startswith("HW-612 ")


@pytest.fixture
def copy(capsys, folder, tmp_path):
    target = tmp_path / "copy.db"
    assert hw(capsys, "--data-dir", folder, "admin", "backup", target).code == 0
    return target


def test_a_check_changes_nothing_and_says_what_would_be_overwritten(capsys, folder, copy):
    before = sorted(path.name for path in folder.iterdir())
    said = hw(capsys, "--data-dir", folder, "admin", "restore", "--check", copy)
    assert said.code == 0
    assert said.out.splitlines()[1] == "would overwrite  0 shares, 0 blocks, last event none"
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_restore_needs_a_yes_and_keeps_what_was_there(capsys, folder, copy):
    store = SqliteStore.open(folder)
    store.put_setting("note", "b", {"text": "later"}, now=2)
    store.close()
    said = hw(capsys, "--data-dir", folder, "admin", "restore", copy)
    assert said.code == 6
    assert said.err.startswith("HW-709 ")
    assert "b" in notes(folder)
    said = hw(capsys, "--data-dir", folder, "admin", "restore", "--yes", "--json", copy)
    document = json.loads(said.out)
    assert (said.code, document["restored"]) == (0, True)
    assert notes(folder) == {"a": {"text": "kept"}}
    assert document["kept"][0] == str(folder / "hashwright.db.old-1")


def test_a_restore_into_an_unused_folder(capsys, copy, tmp_path):
    said = hw(capsys, "--data-dir", tmp_path / "new", "admin", "restore", copy)
    assert said.code == 0
    assert notes(tmp_path / "new") == {"a": {"text": "kept"}}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["hashwright.db", "hashwright.lock"]


def test_a_restore_refuses_while_a_process_has_the_folder(capsys, folder, copy):
    owner = SqliteStore.open(folder)
    try:
        said = hw(capsys, "--data-dir", folder, "admin", "restore", "--yes", copy)
    finally:
        owner.close()
    assert said.code == 1
    assert said.err.startswith("HW-602 ")


@pytest.mark.parametrize("damage", ["text", "cut", "page"])
def test_a_damaged_backup_is_refused_and_nothing_changes(capsys, folder, copy, damage):
    data = bytearray(copy.read_bytes())
    if damage == "text":
        data = bytearray(b"not a database")
    elif damage == "cut":
        data = data[: len(data) // 2]
    else:
        data[4096 * 3 : 4096 * 3 + 200] = b"\xff" * 200
    copy.write_bytes(data)
    before = notes(folder)
    said = hw(capsys, "--data-dir", folder, "admin", "restore", "--yes", copy)
    assert said.code in (1, 3)
    assert said.err.startswith("HW-615 ")
    assert notes(folder) == before


def test_replaying_an_empty_journal_finds_nothing(capsys, folder):
    said = hw(capsys, "--data-dir", folder, "admin", "replay", "--verify", "--json")
    assert said.code == 0
    assert json.loads(said.out) == {"batches": 0, "events": 0, "shares": 0, "findings": [], "same": True}


def test_replay_without_a_database_says_so(capsys, tmp_path):
    said = hw(capsys, "--data-dir", tmp_path, "admin", "replay", "--verify")
    assert said.code == 1
    assert said.err.startswith("HW-612 ")


# ---------------------------------------------------------------- the dashboard's accounts


@pytest.fixture
def with_web(folder):
    """A dashboard with an owner, a key, and somebody who is signed in."""
    from hashwright.web.accounts import Accounts
    from hashwright.web.database import AccessDatabase
    from hashwright.web.keys import Audit, Keys

    database = AccessDatabase.open(folder)
    accounts = Accounts(database)
    accounts.set_up(accounts.new_setup(now=1), "kai", "four random words", now=2)
    word = accounts.open_session(account="kai", now=3)
    Keys(database).add_key("grafana", ("view",), days=None, by="kai", now=4)
    Audit(database).note("kai", "here", "made a key", "", "done", now=5)
    yield database, word
    database.close()


def test_a_backup_takes_the_dashboards_accounts_along_while_they_are_in_use(capsys, folder, tmp_path, with_web):
    target = tmp_path / "copy.db"
    said = hw(capsys, "--data-dir", folder, "admin", "backup", target)
    assert (said.code, said.out.splitlines()) == (0, [str(target), f"{target}.web"])
    assert (tmp_path / "copy.db.web").stat().st_mode & 0o777 == 0o600
    assert with_web[1].encode() not in (tmp_path / "copy.db.web").read_bytes()
    checked = hw(capsys, "--data-dir", folder, "admin", "restore", "--check", target)
    assert "dashboard   1 accounts, 1 keys, 0 links, 1 rows of the trail" in checked.out
    again = hw(capsys, "--data-dir", folder, "admin", "backup", target)
    assert (again.code, again.err.partition(" ")[0]) == (1, "HW-610")


def test_a_restore_brings_accounts_back_and_signs_nobody_in(capsys, folder, tmp_path, with_web):
    from hashwright.web.accounts import Accounts
    from hashwright.web.database import AccessDatabase

    database, word = with_web
    target, other = tmp_path / "copy.db", tmp_path / "other"
    assert hw(capsys, "--data-dir", folder, "admin", "backup", target).code == 0
    refused = hw(capsys, "--data-dir", folder, "admin", "restore", "--yes", target)
    assert (refused.code, refused.err.partition(" ")[0]) == (1, "HW-971")
    assert notes(folder)
    assert hw(capsys, "--data-dir", other, "admin", "restore", target).code == 0
    restored = AccessDatabase.open(other)
    try:
        accounts = Accounts(restored)
        assert accounts.has_owner()
        assert accounts.caller(word, now=6) is None
        assert accounts.sign_in("kai", "four random words", "", now=7)
    finally:
        restored.close()
    database.close()
    assert hw(capsys, "--data-dir", folder, "admin", "restore", "--yes", target).code == 0
    assert (folder / "web.sqlite.old-1").exists()


@pytest.mark.parametrize("harm", ["cut", "other", "trail"])
def test_a_copy_of_the_dashboard_that_does_not_hold_is_refused_before_anything_changes(
    capsys, folder, tmp_path, with_web, harm
):
    import sqlite3

    target = tmp_path / "copy.db"
    assert hw(capsys, "--data-dir", folder, "admin", "backup", target).code == 0
    file = tmp_path / "copy.db.web"
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif harm == "other":
        file.write_bytes(b"no database")
    else:
        connection = sqlite3.connect(file)
        connection.execute("DROP TRIGGER audit_is_kept")
        connection.commit()
        connection.close()
    said = hw(capsys, "--data-dir", tmp_path / "other", "admin", "restore", target)
    assert said.code != 0
    assert said.err.startswith("HW-970 ")
    assert not (tmp_path / "other" / "hashwright.sqlite").exists()

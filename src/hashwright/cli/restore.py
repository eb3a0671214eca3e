"""`hw admin restore`: put a backup in the place of the database; what stood there is kept beside it."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal
from hashwright.errors import ConfigError, LimitRefused, NotSupported, OperatorError

if TYPE_CHECKING:
    from hashwright.store.sqlite import SqliteStore

SIDE_FILES = ("", "-wal", "-shm")
"""A SQLite database is these files together: one left behind beside another database would damage it."""

WORDS = {"account": "accounts", "access_key": "keys", "link": "links", "audit": "rows of the trail"}


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Only prove the backup and say what a restore would overwrite.")
@click.option("--yes", is_flag=True, help="Overwrite what is there; it is kept under another name.")
@pass_terminal
def restore(terminal: Terminal, file: Path, check: bool, yes: bool) -> None:
    """Restore the database from a backup.

    The backup is proven first: pages, hash chain, every entry. It refuses while Hashwright runs, says what it would
    overwrite, and keeps that beside the new database. Where FILE.web lies beside it, the dashboard's accounts are
    restored as well; sessions are not.

    Example: hw admin restore --check ~/hashwright-backup.db
    """
    from hashwright.runtime.opening import is_on_server
    from hashwright.runtime.web_backup import check_web, refuse_in_use, restore_web, web_file_of
    from hashwright.store.folder import DATABASE_NAME, FolderLock

    data_dir = terminal.load_config().data_dir
    with tempfile.TemporaryDirectory(prefix="hw-restore-", dir=_scratch_place(data_dir, check=check)) as scratch:
        draft = Path(scratch) / DATABASE_NAME
        shutil.copyfile(file.expanduser(), draft)
        facts: dict[str, Any] = {"file": str(file), "holds": _prove(draft)}
        web = web_file_of(file.expanduser())
        facts["web"] = check_web(web) if web.exists() else None
        existing = data_dir / DATABASE_NAME
        if is_on_server(data_dir):
            raise NotSupported(
                f"The books of {data_dir} are on a server. Nothing was changed.",
                code="HW-618",
                hint="Restore it into a folder of its own (--data-dir): there it goes on in SQLite. Or: pg_restore.",
            )
        facts["overwrites"] = _facts_of(data_dir) if existing.exists() else None
        if not check:
            lock = FolderLock.take(data_dir)
            try:
                if facts["web"] is not None:
                    refuse_in_use(data_dir)
                facts["kept"] = _put_in_place(draft, existing, may_overwrite=yes)
                if facts["web"] is not None:
                    facts["kept"] += restore_web(web, data_dir)
            finally:
                lock.close()
    _tell(terminal, facts, is_check=check)


def _scratch_place(data_dir: Path, *, check: bool) -> Path | None:
    """Return where the copy is proven: in the data folder for a restore, because a rename must not cross disks."""
    if check:
        return None
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data_dir


def _prove(draft: Path) -> dict[str, Any]:
    """Check a copy of the backup in depth, and return what it holds."""
    from hashwright.store.sqlite import SqliteStore

    try:
        store = SqliteStore.open(draft.parent, readonly=True)
        try:
            findings = store.check(deep=True)
            facts = _summary(store) if not findings else {}
        finally:
            store.close()
    except Exception as error:
        raise OperatorError(
            f"The backup cannot be used: {error} Nothing was changed.", code="HW-615", hint="Use another backup."
        ) from error
    if findings:
        raise ConfigError(
            f"The backup is damaged ({len(findings)} findings). Nothing was changed.", code="HW-615",
            hint="Use another backup.", findings=tuple(findings),
        )  # fmt: skip
    return facts


def _facts_of(data_dir: Path) -> dict[str, Any] | None:
    """Return what stands in the place of the restore; a database that cannot be read is said to be so."""
    from hashwright.store.sqlite import SqliteStore

    try:
        store = SqliteStore.open(data_dir, readonly=True)
    except Exception as error:
        return {"problem": str(error)}
    try:
        return _summary(store)
    except Exception as error:
        return {"problem": str(error)}
    finally:
        store.close()


def _summary(store: "SqliteStore") -> dict[str, Any]:
    from hashwright.cli.overview import time_text

    totals = store.work_totals(0)  # type: ignore[arg-type]
    last = [batch.at_ms for batch in store.read_batches(0)][-1:]
    return {
        "instance": store.instance,
        "bytes": store.path.stat().st_size,
        "shares": sum(total.shares for total in totals),
        "blocks": len(store.blocks(1_000_000)),
        "last_event_at": time_text(last[0]) if last else None,
    }


def _put_in_place(draft: Path, existing: Path, *, may_overwrite: bool) -> list[str]:
    """Move the proven copy to its place; return where the old files went."""
    from hashwright.store.folder import sync_folder

    kept = []
    if existing.exists() and not may_overwrite:
        raise LimitRefused(
            f"{existing} exists. Nothing was changed.", code="HW-709",
            hint="See what it holds with --check; add --yes to replace it, it is kept under another name.",
        )  # fmt: skip
    if existing.exists():
        number = next(n for n in range(1, 10_000) if not existing.with_name(f"{existing.name}.old-{n}").exists())
        for side in SIDE_FILES:
            old = existing.with_name(existing.name + side)
            if old.exists():
                target = existing.with_name(f"{existing.name}.old-{number}{side}")
                old.rename(target)
                kept.append(str(target))
    descriptor = os.open(draft, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.chmod(0o600)
    draft.rename(existing)
    sync_folder(existing.parent)
    return kept


def _tell(terminal: Terminal, facts: dict[str, Any], *, is_check: bool) -> None:
    if terminal.is_json:
        terminal.document({"restored": not is_check, **facts})
        return
    terminal.line(f"backup      {facts['file']}: {_line(facts['holds'])}")
    terminal.line(f"{'would' if is_check else 'did'} overwrite  {_line(facts['overwrites'])}")
    if facts["web"] is not None:
        held = ", ".join(f"{number} {WORDS[table]}" for table, number in facts["web"].items())
        terminal.line(f"dashboard   {held}")
    if is_check:
        terminal.note("The backup is good. Nothing was changed. To restore it: stop Hashwright, then hw admin restore.")
    else:
        for path in facts["kept"]:
            terminal.line(f"kept        {path}")
        terminal.note("Restored. Next: hw doctor, then hw up.")


def _line(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "nothing"
    if "problem" in facts:
        return f"a database that cannot be read: {facts['problem']}"
    return f"{facts['shares']} shares, {facts['blocks']} blocks, last event {facts['last_event_at'] or 'none'}"

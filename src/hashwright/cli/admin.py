"""`hw admin`: the care of an instance: settings, backup, restore, and the proof by replay."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import EXIT_FAILED, OperatorError, Unavailable

if TYPE_CHECKING:
    from hashwright.runtime.replay import Verified

PATH = click.Path(path_type=Path, dir_okay=False)


@click.group(
    cls=LazyGroup,
    lazy={
        "config": "config:config",
        "data": "data:data",
        "notify": "notify:notify",
        "restore": "restore:restore",
    },
)
def admin() -> None:
    """Look after an instance: settings, backup, restore, proof.

    Example: hw admin backup ~/hashwright-backup.db
    """


@admin.command()
@click.argument("file", type=PATH)
@pass_terminal
def backup(terminal: Terminal, file: Path) -> None:
    """Copy the database to a new file, while it is in use; the copy is proven before it gets its name.

    The dashboard's accounts, keys, links and its trail go to a second file beside it, FILE.web.

    Example: hw admin backup ~/hashwright-backup.db
    """
    from hashwright.runtime.web_backup import backup_web, web_file_of

    config = terminal.load_config()
    target = file.expanduser().absolute()
    if web_file_of(target).exists():
        raise OperatorError(
            f"{web_file_of(target)} exists already. Nothing was written.", code="HW-610", hint="Choose another name."
        )
    source = run_async(_backup(config.data_dir, target))
    web = backup_web(config.data_dir, target)
    document = {
        "backup": str(target),
        "bytes": target.stat().st_size,
        "through": source,
        "web": None if web is None else str(web),
    }
    if terminal.is_json:
        terminal.document(document)
    else:
        terminal.line(str(target))
        if web is not None:
            terminal.line(str(web))
        terminal.note(f"Backed up {config.data_dir} ({document['bytes']} bytes, proven). Check it any time:")
        terminal.note(f"  hw admin restore --check {target}")


async def _backup(data_dir: Path, target: Path) -> str:
    """Let the running process make the copy; without one, make it here."""
    import asyncio

    from hashwright.runtime.control import ask
    from hashwright.runtime.opening import open_store

    try:
        await ask(data_dir, "backup", timeout_s=3600.0, target=str(target))
        return "running process"
    except Unavailable as error:
        if error.code != "HW-704":
            raise
    store = open_store(data_dir, readonly=True)
    try:
        await asyncio.to_thread(store.backup, target)
    finally:
        store.close()
    return "database, read only"


@admin.command()
@click.option("--verify", is_flag=True, required=True, help="Step every stored event again and compare.")
@pass_terminal
def replay(terminal: Terminal, verify: bool) -> None:
    """Prove the books: step the journal again, recompute each share's hash, compare every effect.

    Works while Hashwright runs; it reads the journal as it stands now. Exit 1 when anything differs.

    Example: hw admin replay --verify
    """
    config = terminal.load_config()
    verified = _verify(config.data_dir)
    if terminal.is_json:
        terminal.document(_document(verified))
    else:
        heads = ("batches", "events", "shares", "findings")
        row = (verified.batches, verified.events, verified.shares, len(verified.findings))
        terminal.table(Table(heads=heads, rows=(tuple(str(number) for number in row),), right=frozenset(heads)))
        for finding in verified.findings:
            terminal.tick("failed", f"{finding.place}: {finding.message} ({finding.code})", finding.hint)
        if not verified.findings:
            terminal.note("The journal, replayed, gives the same effects.")
    if verified.findings:
        raise Exit(EXIT_FAILED)


def _verify(data_dir: Path) -> "Verified":
    from hashwright.runtime.opening import open_store
    from hashwright.runtime.replay import verify_journal

    store = open_store(data_dir, readonly=True)
    try:
        return verify_journal(store)
    finally:
        store.close()


def _document(verified: "Verified") -> dict[str, Any]:
    import dataclasses

    return {
        "batches": verified.batches,
        "events": verified.events,
        "shares": verified.shares,
        "findings": [dataclasses.asdict(finding) for finding in verified.findings],
        "same": not verified.findings,
    }

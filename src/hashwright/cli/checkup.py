"""The checks of `hw doctor`. Each function looks at one thing, changes nothing, and never raises."""

import errno
import importlib.metadata
import os
import resource
import shutil
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hashwright import registry
from hashwright.cli.checkup_routes import check_routes
from hashwright.cli.checkup_wallets import check_randomx, wallet_checks
from hashwright.cli.overview import ask_process, open_readonly
from hashwright.errors import HashwrightError
from hashwright.runtime.config import Config
from hashwright.runtime.destination_checks import Check, check_destination
from hashwright.runtime.destinations import KIND
from hashwright.runtime.opening import is_on_server
from hashwright.runtime.route_settings import PIN_KIND, ROUTE_KIND
from hashwright.runtime.system import SystemClock
from hashwright.store.checks import database_findings
from hashwright.store.connection import connect_readonly
from hashwright.store.folder import DATABASE_NAME, refuse_network_drive

PAYOUT_KIND = "payout"
"""As `runtime.payouts.KIND`, which is not worth importing here."""
FILES_WANTED = 10_240
"""One descriptor a machine: 10,000 of them, with room for the database and the nodes."""
FREE_BYTES_WANTED = 1 << 30
"""A day of 1,000 shares a second writes some gigabytes; the journal is pruned to three hours."""
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: a clock before this program was written is wrong (a board without a battery starts at 1970)."""
PYTHONS = ((3, 11), (3, 14))


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Checks under one head."""

    title: str
    checks: tuple[Check, ...]


async def examine(config: Config) -> list[Section]:
    """Run every check."""
    try:
        status, _ = await ask_process(config.data_dir)
        process = [_ok("control socket answers") if status else _skipped("no Hashwright runs on this data folder")]
    except HashwrightError as error:
        status, process = None, [_failed(f"control socket: {error.message}", error.code, error.hint)]
    return [
        Section(title="This computer", checks=(*_python(), _coins(), check_randomx(), _clock(), _files())),
        Section(
            title=f"Data folder {config.data_dir}", checks=(*_folder(config.data_dir), *_database(config.data_dir))
        ),
        Section(title="Process and ports", checks=(*process, *_ports(config, status), *_tls(config))),
        *await _destinations(config, status),
    ]


# ---------------------------------------------------------------- this computer


def _python() -> list[Check]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < PYTHONS[0]:
        return [_failed(f"Python {version} is too old", "HW-711", "Use Python 3.11 or newer.")]
    missing = [name for name in _requirements() if not _has(name)]
    if missing:
        text = f"missing libraries: {', '.join(missing)}"
        return [_ok(f"Python {version}"), _failed(text, "HW-712", "Set the environment up again: make run.")]
    return [_ok(f"Python {version}"), _ok(f"SQLite {sqlite3.sqlite_version}, all libraries are there")]


def _requirements() -> list[str]:
    return ["alembic", "click", "httpx", "msgspec", "platformdirs", "pyzmq", "rich", "rich-click", "sqlalchemy",
            "structlog", "tomlkit", "uvloop"]  # fmt: skip


def _has(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _coins() -> Check:
    """List what can be mined."""
    coins = [registry.load("coins", name).COIN for name in registry.names("coins")]
    return _ok(f"coins that can be mined: {', '.join(coin.key for coin in coins if coin.is_minable)}")


def _clock() -> Check:
    if SystemClock().now() < EARLIEST_MS:
        return _failed("the clock is before 2026", "HW-710", "Set it: timedatectl set-ntp true.")
    return _ok("clock is after this program was written; nodes are compared with it below")


def _files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FILES_WANTED:
        return _ok(f"{soft} files may be open: room for {soft - 240} machines")
    fix = f"For more: ulimit -n {min(hard, 65536)}, or LimitNOFILE= in the service."
    return Check(
        state="warning", title=f"only {soft} files may be open: room for some {max(soft - 240, 0)} machines", fix=fix
    )


# ---------------------------------------------------------------- data folder and database


def _folder(folder: Path) -> list[Check]:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    checks = []
    try:
        refuse_network_drive(place)
        checks.append(_ok("is on a local disk"))
    except HashwrightError as error:
        checks.append(_failed(error.message, error.code, error.hint))
    if not os.access(place, os.W_OK | os.X_OK):
        checks.append(_failed(f"{place} is not writable for you", "HW-605", "Choose another --data-dir, or its owner."))
    free = shutil.disk_usage(place).free
    text = f"{free / (1 << 30):.1f} GiB are free"
    fix = "Make room: while the disk is full no share is acknowledged."
    checks.append(_ok(text) if free >= FREE_BYTES_WANTED else Check(state="warning", title=text, fix=fix))
    if folder.exists() and folder.stat().st_mode & 0o077:
        text = "other users may look into the folder"
        checks.append(Check(state="warning", title=text, fix=f"chmod 700 {folder}"))
    return checks


def _database(folder: Path) -> list[Check]:
    try:
        store = open_readonly(folder)
    except (HashwrightError, sqlite3.Error) as error:
        code, hint = getattr(error, "code", "HW-604"), getattr(error, "hint", "hw admin restore FILE")
        return [_failed(str(error), code, hint)]
    if store is None:
        return [_skipped("no database yet: the first hw up makes it")]
    if is_on_server(folder):
        try:
            findings = store.check()
        finally:
            store.close()
        failed = [_failed(f"{item.place}: {item.message}", item.code, item.hint) for item in findings]
        return failed or [_ok("the database on the server opens, and its hash chain holds")]
    store.close()
    try:
        return _database_facts(folder / DATABASE_NAME)
    except sqlite3.Error as error:
        return [_failed(f"database: {error}", "HW-604", "hw admin restore FILE")]


def _database_facts(path: Path) -> list[Check]:
    connection = connect_readonly(path)
    try:
        connection.execute("BEGIN")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        findings = database_findings(connection, deep=False)
    finally:
        connection.close()
    checks = [_ok("database opens, pages and hash chain hold")] if not findings else []
    checks += [_failed(f"{item.place}: {item.message}", item.code, item.hint) for item in findings]
    if mode == "wal":
        return [*checks, _ok("journal mode is WAL; each start insists on synchronous=FULL")]
    return [*checks, _skipped(f"journal mode is {mode}; the next hw up sets WAL")]


# ---------------------------------------------------------------- ports and destinations


def _ports(config: Config, status: Mapping[str, Any] | None) -> list[Check]:
    if status is not None:
        return [_ok(f"{item['url']} is open ({item['algorithm']})") for item in status["listeners"]]
    return [_port(str(address), address.host, address.port) for address in config.listen]


def _port(title: str, host: str, port: int) -> Check:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reasons = {errno.EADDRINUSE: "another program holds it", errno.EACCES: "not allowed for you"}
        reason = reasons.get(error.errno or 0, os.strerror(error.errno or 0))
        return _failed(f"{title}: {reason}", "HW-103", "Choose another with --listen, or stop the other program.")
    except OverflowError:
        return _failed(f"{title} is no port", "HW-103", "Choose one below 65536.")
    return _ok(f"{title} is free")


def _tls(config: Config) -> list[Check]:
    """Look at the certificate for machines, where a listener shows one; the files are those of this computer's user."""
    if not any(address.is_tls for address in config.listen):
        return []
    from hashwright.runtime.tls_checks import check_tls

    return check_tls(config.tls_certificate, config.tls_key, clock=SystemClock())


async def _destinations(config: Config, status: Mapping[str, Any] | None) -> list[Section]:
    try:
        store = open_readonly(config.data_dir)
    except (HashwrightError, sqlite3.Error):
        return []  # said above already
    kinds = (KIND, ROUTE_KIND, PIN_KIND, PAYOUT_KIND)
    stored, routes, pins, payouts = [{} if store is None else store.settings(kind) for kind in kinds]
    if store is not None:
        store.close()
    found = check_routes(stored, routes, pins)
    routed = [Section(title="Routes", checks=tuple(found))] if found else []
    if not stored:
        text = "no destination yet: nothing is mined. Add one: hw pool add --help"
        return [Section(title="Destinations", checks=(_skipped(text),)), *routed]
    ask = _checker(config.data_dir, status)
    sections = [Section(title=f"Destination {name}", checks=tuple(await ask(raw))) for name, raw in stored.items()]
    wallets = await wallet_checks(config.data_dir, payouts, stored, is_running=status is not None)
    return [*sections, *(Section(title=f"Payouts of {name}", checks=tuple(it)) for name, it in wallets), *routed]


def _checker(data_dir: Path, status: Mapping[str, Any] | None) -> Callable[[Mapping[str, Any]], Awaitable[list[Check]]]:
    """Let the running process check, which may hold the nodes' passwords; without one, check here."""

    async def remotely(raw: Mapping[str, Any]) -> list[Check]:
        from hashwright.runtime.control import ask

        try:
            return msgspec.convert(await ask(data_dir, "pool-check", destination=dict(raw)), list[Check])
        except HashwrightError as error:
            return [_failed(error.message, error.code, error.hint)]

    async def here(raw: Mapping[str, Any]) -> list[Check]:
        return await check_destination(raw, clock=SystemClock())

    return here if status is None else remotely


def _ok(title: str) -> Check:
    return Check(state="ok", title=title)


def _skipped(title: str) -> Check:
    return Check(state="skipped", title=title)


def _failed(title: str, code: str, fix: str) -> Check:
    return Check(state="failed", title=title.rstrip("."), code=code, fix=fix)

"""Open the store that a data folder belongs to: its own SQLite file, or a PostgreSQL server's database.

A folder remembers its server in `postgres.json` (where the address is found, never the address itself), so that no
command can open empty books beside the real ones by a forgotten setting.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hashwright.adapters.secret import read_secret
from hashwright.errors import OperatorError
from hashwright.store.folder import DATABASE_NAME

if TYPE_CHECKING:
    from hashwright.store.base import Store

POINTER_NAME: Final = "postgres.json"


def open_store(folder: Path, *, reference: str = "", readonly: bool = False) -> "Store":
    """Open the books of a data folder. `reference` names where the server's address is: `file:`, `env:`, `credential:`.

    Raises:
        OperatorError: as `SqliteStore.open` and `PostgresStore.open`, and where the folder belongs to another (HW-603).
    """
    known = _pointer(folder)
    reference = reference or known.get("url_from", "")
    if not reference:
        from hashwright.store.sqlite import SqliteStore

        return SqliteStore.open(folder, readonly=readonly)
    if (folder / DATABASE_NAME).exists():
        raise _other(
            f"{folder} has books in SQLite, and a PostgreSQL database was named. They are not moved by themselves"
        )
    from hashwright.store.postgres import PostgresStore

    store = PostgresStore.open(folder, read_secret(reference), readonly=readonly)
    instance = store.instance
    if known.get("instance", instance) != instance:
        store.close()
        raise _other(f"{folder} belongs to the books {known['instance'][:8]}, and that database holds {instance[:8]}")
    remembered = {"url_from": reference, "instance": instance}
    if not readonly and known != remembered:
        draft = folder / (POINTER_NAME + ".part")
        draft.write_text(json.dumps(remembered) + "\n", encoding="utf-8")
        draft.replace(folder / POINTER_NAME)
    return store


def is_on_server(folder: Path) -> bool:
    """Tell whether the books of a folder are on a server."""
    return bool(_pointer(folder))


def _pointer(folder: Path) -> dict[str, str]:
    path = folder / POINTER_NAME
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(known[key]) for key in ("url_from", "instance")}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise OperatorError(
            f"{path} cannot be read ({type(problem).__name__}). Nothing was started.",
            code="HW-603",
            hint="It names the database of this folder. Remove it and name the database anew: --postgres-url-from.",
        ) from problem


def _other(problem: str) -> OperatorError:
    return OperatorError(f"{problem}. Nothing was started.", code="HW-603", hint="Use another --data-dir for it.")

"""What `hw` may ask of the running process, over the control socket. The verbs, not the wire."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hashwright.chain.proof import ALGORITHMS
from hashwright.pool import reserve
from hashwright.pool.records import Destination
from hashwright.runtime import destinations, setups
from hashwright.runtime.control import Command
from hashwright.runtime.destination_checks import check_destination
from hashwright.runtime.destinations import DestinationSettings

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright


def table(app: "Hashwright") -> dict[str, Command]:
    """Return the commands of a running process."""

    async def status(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return status_of(app)

    async def workers(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return workers_of(app, after=int(arguments.get("after", -1)), limit=arguments.get("limit"))

    async def pool_add(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        settings = setups.parse_setup(arguments["destination"])
        app.set_destination(settings)
        saved = app.writer.put_setting(
            destinations.KIND, settings.name, dict(arguments["destination"]), now=app.clock.now()
        )
        await asyncio.wrap_future(saved)
        pays = settings.address if isinstance(settings, DestinationSettings) else settings.user
        return {"destination": settings.name, "pays": pays}

    async def pool_remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["name"])
        await asyncio.wrap_future(app.writer.delete_setting(destinations.KIND, name))
        app.remove_destination(name)
        return {"removed": name}

    async def pool_check(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        checks = await check_destination(arguments["destination"], clock=app.clock)
        return [msgspec.to_builtins(check) for check in checks]

    async def backup(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from pathlib import Path

        app.kernel.commit_now()
        await asyncio.to_thread(app.store.backup, Path(str(arguments["target"])))
        return {"backup": str(arguments["target"])}

    async def stop(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        app.supervisor.stop()
        return {"stopping": True}

    return {
        "status": status,
        "workers": workers,
        "pool-add": pool_add,
        "pool-remove": pool_remove,
        "pool-check": pool_check,
        "backup": backup,
        "stop": stop,
    }


def status_of(app: "Hashwright") -> dict[str, Any]:
    """Return what a person wants to know first."""
    state, now = app.kernel.pool, app.clock.now()
    return {
        "now": now,
        "started_at": state.started_at,
        "journal": {
            "state": app.write_state,
            "events": app.kernel.events,
            "unwritten": app.kernel.unwritten,
            "poisoned": app.kernel.poisoned,
            "passed": app.shell.passing.passed,
        },
        "poisoned": app.kernel.poisoned,
        "randomx": randomx_of(app),
        "listeners": [
            {
                "algorithm": listener.algorithm,
                "url": listener.url,
                "connections": len(listener.connections),
                "refused": dict(listener.refused),
            }
            for listener in app.shell.listeners
        ],
        "destinations": [destination_of(app, name, item, now=now) for name, item in state.destinations.items()],
        "broken": [{"destination": name, "problem": problem} for name, problem in app.broken.items()],
    }


def randomx_of(app: "Hashwright") -> dict[str, Any] | None:
    """Return how RandomX shares are checked; None where nothing is mined with it."""
    settings = [it.settings for it in app.kernel.pool.destinations.values()]
    if not any(ALGORITHMS[it.algorithm].is_keyed for it in settings):
        return None
    hashing, desk = app.shell.hashing, app.shell.hashing.randomx
    return {
        "judge": "node" if desk.is_missing else "library",
        "mode": "full" if desk.is_full else "light",
        "threads": desk.threads,
        "seeds": [seed.hex() for seed in desk.seeds],
        "hashed": desk.hashes,
        "believed": hashing.believed,
        "waiting": desk.waiting,
        "debts": dict(app.kernel.pool.debts),
    }


def destination_of(app: "Hashwright", name: str, destination: Destination, *, now: int) -> dict[str, Any]:
    """Return one destination's part of the status."""
    settings = destination.settings
    job = app.kernel.pool.jobs.get(destination.job)
    return {
        "destination": name,
        "coin": settings.coin,
        "network": settings.network,
        "algorithm": settings.algorithm,
        "is_practice": settings.is_practice,
        "kind": "own node" if destination.is_own else "upstream",
        "state": destination.state,
        "is_stopped": reserve.is_stopped(app.kernel.pool, name),
        "node": {"state": destination.node_state, "detail": destination.node_detail},
        "machines": len(destination.working),
        "height": None if job is None else job.height,
        "reward": None if job is None else str(job.reward),
        "nbits": None if job is None else job.nbits,
        "job_age_ms": None if job is None else now - job.made_at,
        "templates_seen": destination.templates_seen,
    }


def workers_of(app: "Hashwright", *, after: int = -1, limit: int | None = None) -> list[dict[str, Any]]:
    """Return connected machines in the order they came: all, or at most `limit` behind session `after`.

    Ten thousand at once would hold up the shares; a caller who wants them all asks page by page.
    """
    now = app.clock.now()
    sessions = app.kernel.pool.sessions.items()
    listed = (pair for pair in sessions if pair[0] > after and pair[1].is_authorized)
    return [
        {
            "session": number,
            "worker": session.worker,
            "destination": session.destination,
            "peer": session.peer,
            "agent": session.agent,
            "difficulty": session.difficulty if session.terms is None else session.terms.difficulty,
            "connected_ms": now - session.opened_at,
            "last_share_ms": now - session.pace.last_share,
        }
        for number, session in itertools.islice(listed, limit)
    ]

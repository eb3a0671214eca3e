"""What machines of the fleet say they hash, for the workers that carry their names."""

from typing import TYPE_CHECKING, Final

from hashwright.economics.claims import Claim

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

CLAIM_AGE_MAX_MS: Final = 600_000
"""An older reading says nothing about the shares of now."""


def claims_of(app: "Hashwright", algorithm: str) -> list[Claim]:
    """Return the claim of each machine that works here: of the device of its worker's name, whole or behind the dot."""
    group = app.kernel.routing.groups.get(algorithm)
    if app.fleet is None or not app.fleet.latest or group is None:
        return []
    now, found = app.clock.now(), {}
    for machine in (*group.machines.values(), *group.lent.values()):
        worker = machine.worker
        reading = app.fleet.latest.get(worker) or app.fleet.latest.get(worker.partition(".")[2])
        if reading is not None and reading.hashrate_hs is not None and now - reading.at <= CLAIM_AGE_MAX_MS:
            found[worker] = Claim(worker=worker, hashrate_hs=reading.hashrate_hs, at_ms=reading.at)
    return list(found.values())

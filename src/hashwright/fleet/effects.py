"""What the fleet engine wants done."""

from hashwright.fleet.events import Action
from hashwright.signals import Alert, Effect, WakeAt


class CommandDevice(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Tell a machine to pause, to resume, or to draw at most `part` of its rated power (`power_w`, 0: unknown).

    Each command names a state, not a change, so the same one twice does no harm; `key` is its own all the same.
    """

    key: str
    device: str
    action: Action
    part: float
    power_w: float
    reason: str


class ProtectDevice(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Put a machine to sleep at once, before anything is written: it is too hot."""

    key: str
    device: str
    reason: str


class RehearseCommand(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Say what would be commanded, were the fleet live."""

    device: str
    action: Action
    part: float
    reason: str


FleetEffect = CommandDevice | ProtectDevice | RehearseCommand | Alert | WakeAt
ACTING = frozenset((CommandDevice, ProtectDevice, RehearseCommand))

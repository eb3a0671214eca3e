"""What every node's answers are held against: their form, and the chain that the destination is for."""

from typing import TypeVar

import msgspec

from hashwright.chain.coin import Coin
from hashwright.errors import OperatorError

_Kind = TypeVar("_Kind")


def read(answer: object, kind: type[_Kind]) -> _Kind:
    """Check that an answer has the form that we read.

    Raises:
        OperatorError: it has not, so this is no node that we know (HW-410).
    """
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise OperatorError(f"The node's answer is not of the form that we know: {error}.", code="HW-410") from error


def require_network(url: str, *, found: str, wanted: str) -> None:
    """Make sure that a node is on the destination's network.

    Raises:
        OperatorError: it is on another one (HW-409).
    """
    if found != wanted:
        raise OperatorError(
            f"The node at {url} is on {found}, the destination on {wanted}.",
            code="HW-409",
            hint=f"Give --network {found}, or the address of another node.",
        )


def require_genesis(url: str, coin: Coin, network: str, first: str) -> None:
    """Make sure that a node's chain begins with the coin's first block, where that is known.

    Raises:
        OperatorError: it begins with another (HW-409).
    """
    known = coin.networks[network].genesis_display
    if known and first != known:
        raise OperatorError(
            f"The node at {url} is no {coin.title} node: its chain begins with {first[:64]}.",
            code="HW-409",
            hint="Give the address of another node, or choose its coin.",
        )

"""Who earns a pool's blocks: members by a payout scheme, or the owner alone where none is set.

    share counts --> window of the present era          (note_work)
    block found  --> divided at once, by the window of that moment; the parts wait with the block (divide)
    chain says   --> entries: confirmed, orphaned, back again, matured   (pool.blocks asks; recipes write)

A member is what stands before the first dot of a worker's name. The division belongs to the moment of the find, so it
is kept with the block; who comes or goes before the chain has confirmed it changes nothing.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from hashwright import registry
from hashwright.money import Amount, Currency
from hashwright.pool.eras import Era, Eras, OpenEra
from hashwright.pool.luck import LuckReport, expected_units, report
from hashwright.pool.schemes.base import HOUSE, Scheme
from hashwright.pool.window import SlotImage, window_of

UNKNOWN = "unknown"
"""Who found a block that only the chain remembers."""


class Books(msgspec.Struct, array_like=True):
    """What a pool with members remembers. `image` stands for `eras` in a snapshot."""

    image: bytes = b""
    eras: Any = None
    """`Eras`, or None. To msgspec anything: in a snapshot it is always None."""
    luck: Any = None
    """By member [what he was to find in units of 2**-64 blocks, what he found], or None; as with `eras`."""
    luck_image: bytes = b""


class Division(NamedTuple):
    """Who gets what of a block: minor units by member, the pool's own part under `HOUSE`; they sum to the reward.

    `rest` is how much of the pool's own part is the reserve's.
    """

    parts: tuple[tuple[str, int], ...]
    rest: int


class _EraImage(msgspec.Struct, array_like=True):
    number: int
    since: int
    key: str
    settings: bytes
    slots: tuple[bytes | SlotImage, ...]


def scheme_of(key: str, settings: bytes | Mapping[str, Any]) -> Scheme:
    """Build a payout scheme from its key and settings (JSON, or what JSON says).

    Raises:
        PluginError: there is no such scheme.
        msgspec.ValidationError: a setting is unknown or out of bounds.
    """
    kind = registry.load("schemes", key).SCHEME
    scheme: Scheme = (
        msgspec.json.decode(settings or b"{}", type=kind)
        if isinstance(settings, bytes)
        else msgspec.convert(dict(settings), kind)
    )
    return scheme


def begin(books: Books, key: str, settings: bytes, *, now: int) -> None:
    """Begin an era where the scheme or its settings differ; the first one begins the books."""
    scheme = scheme_of(key, settings)
    if books.eras is None:
        books.eras = Eras(Era(number=1, since=now, key=key, scheme=scheme))
    else:
        books.eras.begin(key, scheme, now=now)


def member_of(worker: str) -> str:
    """Return the member that a worker belongs to."""
    return worker.partition(".")[0] or UNKNOWN


def note_work(books: Books, worker: str, work: int, *, network_work: int) -> None:
    """Count accepted work [hashes]."""
    if books.eras is not None and work > 0:
        member = member_of(worker)
        books.eras.add(member, work, network_work=network_work)
        _luck_of(books, member)[0] += expected_units(((work, network_work),))


def note_found(books: Books, worker: str) -> None:
    """Count a block for who found it, whatever the chain makes of it."""
    if books.eras is not None:
        _luck_of(books, member_of(worker))[1] += 1


def luck_report(books: Books) -> LuckReport:
    """Judge the luck of the pool and of each member, since the pool has members."""
    return report({name: (counts[0], counts[1]) for name, counts in (books.luck or {}).items()})


def _luck_of(books: Books, member: str) -> list[int]:
    if books.luck is None:
        books.luck = {}
    counts: list[int] = books.luck.setdefault(member, [0, 0])
    return counts


def divide(books: Books, reward: Amount, *, finder: str, network_work: int) -> Division:
    """Divide a block. Where work is paid when it is accepted, what no era pays is the reserve's."""
    if books.eras is None:
        return Division(((HOUSE, reward.minor),), 0)
    eras: Eras = books.eras
    parts: dict[str, int] = {}
    house, rest = reward.minor, 0
    finder = member_of(finder) if finder else HOUSE
    for _era, split in eras.split_block(reward, finder=finder, network_work=network_work):
        for member, amount in split.credits:
            parts[member] = parts.get(member, 0) + amount.minor
            house -= amount.minor
        rest = split.rest.minor
    is_reserved = eras.present.scheme.pays == "work"
    return Division(tuple(sorted({**parts, HOUSE: house}.items())), rest if is_reserved else 0)


def currency_of(coin: str, network: str) -> Currency:
    """Return the money that a destination earns."""
    currency: Currency = registry.load("coins", coin).COIN.currency(network)
    return currency


# ---------------------------------------------------------------- snapshots


def sealed(books: Books) -> Books:
    """Return the books with their eras as bytes: a snapshot holds plain data only."""
    images = (
        []
        if books.eras is None
        else [
            _EraImage(
                held.era.number,
                held.era.since,
                held.era.key,
                msgspec.json.encode(held.era.scheme),
                held.window.image(),
            )
            for held in books.eras.open
        ]
    )
    luck = [(name, str(counts[0]), counts[1]) for name, counts in (books.luck or {}).items()]
    return Books(image=msgspec.msgpack.encode(images), luck_image=msgspec.msgpack.encode(luck))


def unseal(books: Books) -> None:
    """Put eras that were read back in their place."""
    images = msgspec.msgpack.decode(books.image, type=list[_EraImage])
    told = msgspec.msgpack.decode(books.luck_image, type=list[tuple[str, str, int]]) if books.luck_image else []
    books.luck = {name: [int(units), found] for name, units, found in told} or None
    books.image = books.luck_image = b""
    if not images:
        return
    held = [
        OpenEra(
            Era(number=it.number, since=it.since, key=it.key, scheme=scheme_of(it.key, it.settings)),
            window_of(it.slots),
        )
        for it in images
    ]
    books.eras = Eras(held[0].era)
    books.eras.open = held

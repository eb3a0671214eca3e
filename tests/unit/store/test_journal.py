"""Entries of the journal as bytes."""

import subprocess
import sys
from typing import get_args

import msgspec
import pytest

from hashwright.errors import InvariantBroken
from hashwright.pool import events
from hashwright.routing.events import JOURNALED, PinSet, PlanFailed, PlanRestored, RouteSet, Target
from hashwright.store.journal import StoredBatch, count_entries, decode_entries, encode_entry

NOW = 1_700_000_000_000
EVENTS = [
    events.ProcessStarted(7, "1.0"),
    events.DestinationSet("own", "bitcoin", "regtest", "sha256d", b"\x00\x14", b"tag", 1.5, 0.001, 6.0, True),
    events.TemplateSeen("own", 3, 101, 1 << 29, bytes(32), 0x207FFFFF, 5, 4, 50 * 10**8, b"", (b"a" * 32, b"b" * 32)),
    events.ConfigureAsked(1, "id", ("version-rolling",), None, 0.5),
    events.SessionClosed(2**40, "gone \u00e9\x00"),
    events.ShareHashed(1, None, "acme.rig1", "j", b"\x00" * 8, 1, 2**32 - 1, 0x1FFFE000, b"\xff" * 32),
    events.BlockSeen("own", "00ff", -1),
    events.ClockTicked("routing-slice"),
    events.UpstreamSet("pool", "bitcoin", "main", "sha256d", b"", 1.5, 0.001, 6.0, False, True),
    events.ChannelOpened("pool", 7, b"\x01\x02", 8, 0x1FFFE000),
    events.SharesAnswered(
        "pool", 7, (events.ShareVerdict(1, True, 0, "", 12), events.ShareVerdict(2, False, 23, "low", 9))
    ),
    RouteSet("sha256d", (Target("pool", "share", 70.0), Target("own", "rate", 1e12)), ("own",), "own", 0, "kai"),
    PlanFailed("", "the feed is dead"),
    PlanRestored("sha256d"),
    PinSet("kai.rack7-*", "pool"),
]


def entry(event, mark=""):
    blob = bytearray()
    encode_entry(blob, NOW, event, mark)
    return bytes(blob)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("mark", ["", "accepted", "poisoned"])
def test_an_entry_comes_back_as_it_was(event, mark):
    assert list(decode_entries(entry(event, mark))) == [(NOW, event, mark)]


def test_every_event_of_the_routing_engine_is_tried_here():
    assert {type(event) for event in EVENTS} >= set(get_args(JOURNALED))


def test_entries_keep_their_order():
    blob = b"".join(entry(event) for event in EVENTS)
    assert [event for _, event, _ in decode_entries(blob)] == EVENTS
    assert count_entries(blob) == len(EVENTS)


def test_an_empty_blob_has_no_entries():
    assert list(decode_entries(b"")) == []


def test_an_unknown_event_is_named_by_its_number():
    stranger = msgspec.msgpack.encode((NOW, ["EventOfTomorrow", 1], ""))
    blob = entry(EVENTS[0]) + len(stranger).to_bytes(4, "big") + stranger
    with pytest.raises(InvariantBroken, match=r"Entry 1 .*EventOfTomorrow") as caught:
        list(decode_entries(blob))
    assert caught.value.code == "HW-607"


@pytest.mark.parametrize("cut", [1, 3, 5, -1])
def test_a_torn_blob_is_refused(cut):
    blob = entry(EVENTS[0])
    with pytest.raises(InvariantBroken) as caught:
        list(decode_entries(blob[:cut]))
    assert caught.value.code == "HW-607"


def test_an_integer_beyond_64_bits_leaves_the_buffer_alone():
    blob = bytearray(entry(EVENTS[0]))
    before = bytes(blob)
    with pytest.raises(OverflowError):
        encode_entry(blob, NOW, events.ExtranonceAsked(1, 2**64), "")
    assert blob == before


def test_a_row_with_a_wrong_number_of_entries_is_refused():
    batch = StoredBatch(
        first_seq=5,
        last_seq=7,
        at_ms=NOW,
        schema_version=1,
        effects_crc=0,
        digest=bytes(32),
        blob=entry(EVENTS[0]) * 2,
    )
    with pytest.raises(InvariantBroken, match="row 5 holds 2 entries, but its numbers say 3"):
        batch.entries()


def test_the_types_load_without_a_database():
    code = "import sys, hashwright.store.journal; print({'sqlalchemy', 'alembic', 'sqlite3'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"

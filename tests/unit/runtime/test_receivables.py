"""What accepted work at an upstream was worth: its own job tells the worth of a hash, our books tell the work."""

from contextlib import closing
from types import SimpleNamespace

import pytest

from hashwright.adapters.upstreams.base import AccountReport
from hashwright.errors import ConfigError
from hashwright.money import Amount, Currency
from hashwright.pool.records import Coinbase
from hashwright.runtime.receivables import AccountService, parse_account, worth_of_hash
from hashwright.store.receivables import last_reading
from hashwright.store.sqlite import SqliteStore
from unit.store.making import START_MS, WORK, delivered
from unit.store.test_sqlite import write

BTC = Currency("BTC", 8)
SETTINGS = {"upstream": "ocean", "reader": "ocean", "account": "bc1qme", "fee_percent": 2.0, "cap": "0.05"}
NETWORK_WORK = 2**40
MINUTE_MS = 60_000


def pool_state(total=5_000_000_000, *, work=NETWORK_WORK):
    """A pool with an upstream whose newest job pays `total` for `work` hashes a block, and an older one."""
    seen = Coinbase(height=1, tag="", outputs=(), paid=0, total=total, problem="")
    old = Coinbase(height=1, tag="", outputs=(), paid=0, total=1, problem="")
    channels = {
        1: SimpleNamespace(coinbase=old, job="old", job_at=1),
        2: SimpleNamespace(coinbase=seen, job="new", job_at=2),
        3: SimpleNamespace(coinbase=None, job="", job_at=0),
    }
    target_be = (2**256 // work - 1).to_bytes(32, "big")
    jobs = {"new": SimpleNamespace(network_target_be=target_be), "old": SimpleNamespace(network_target_be=target_be)}
    return SimpleNamespace(destinations={"ocean": SimpleNamespace(channels=channels)}, jobs=jobs)


def test_the_newest_job_tells_what_a_hash_is_worth():
    worth = worth_of_hash(pool_state(), "ocean", BTC)
    assert worth.of(NETWORK_WORK) == 5_000_000_000
    assert worth_of_hash(pool_state(), "other", BTC) is None
    assert worth_of_hash(pool_state(total=0), "ocean", BTC) is None, "a coinbase that could not be read says nothing"


@pytest.fixture
def store(tmp_path):
    store = SqliteStore.open(tmp_path)
    yield store
    store.close()


def read(store, minute, worth, *, unpaid=0):
    """Write one reading as the service does, at the end of a minute."""
    service = AccountService(SimpleNamespace(), parse_account(SETTINGS, BTC))
    report = AccountReport(hashrate=1, unpaid=Amount(unpaid, BTC), paid=Amount(0, BTC))
    now = START_MS + minute * MINUTE_MS
    with closing(store.connect()) as connection:
        service._write(connection, report, worth, now)
        return last_reading(connection, "ocean")


def test_work_is_worth_its_part_of_a_block_less_the_fee(store):
    worth = worth_of_hash(pool_state(), "ocean", BTC)
    assert read(store, 0, worth).expected == 0, "what was before the first reading is not counted"
    write(
        store,
        delivered(1, minute=1, submitted=5, accepted=4, rejected=1, destination="ocean"),
        delivered(2, minute=3, submitted=1, accepted=1, destination="ocean"),
    )
    found = read(store, 4, worth, unpaid=70)
    assert found.work == 4 * WORK, "the last minute waits: it may still be on its way to the disk"
    assert found.expected == 4 * WORK * 5_000_000_000 * 98 // (NETWORK_WORK * 100)
    assert read(store, 5, worth).work == WORK
    assert read(store, 6, worth).work == 0


def test_work_waits_until_somebody_tells_what_it_is_worth(store):
    worth = worth_of_hash(pool_state(), "ocean", BTC)
    read(store, 0, worth)
    write(store, delivered(1, minute=1, submitted=1, accepted=1, destination="ocean"))
    assert read(store, 4, None).work == 0
    assert read(store, 5, worth).work == WORK


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reader": "nobody"}, "no upstreams plug-in"),
        ({"account": "a/../b"}, "is no account"),
        ({"account": ""}, "is no account"),
        ({"fee_percent": 21.0}, "a fee is 0 to 20"),
        ({"fee_percent": -1.0}, "a fee is 0 to 20"),
        ({"reader": "braiins"}, "needs a token"),
        ({"url": "http://pool.example"}, "no https"),
        ({"cap": "much"}, "plain decimal"),
        ({"colour": 1}, "colour"),
    ],
)
def test_bad_settings_are_refused_with_their_reason(change, words):
    with pytest.raises(ConfigError, match=words):
        parse_account(SETTINGS | change, BTC)

"""Nobody is paid twice and nobody is forgotten: every step killed before and after, every answer lost."""

import asyncio
import itertools
import random

import pytest

from hashwright.adapters.wallets.base import Order, Outpoint, Prepared
from hashwright.errors import InvariantBroken, OperatorError
from hashwright.pool.payouts import ADDRESS_DELAY_MS
from hashwright.runtime.payer import Payer, borne_by_pool, refuse_unlike
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.sqlite import SqliteStore
from hashwright.testing.wallet import OWN, Transaction
from unit.runtime.paying import PlainBooks, Scene, policy, script_of

POINTS = (
    "before plan",
    "after plan",
    "before sign",
    "after sign",
    "before store",
    "after store",
    "before broadcast",
    "after broadcast",
    "after sent",
    "before settle",
    "after settle",
)
FAULTS = ("", "answer-lost", "error-but-sent", "not-sent", "hang")


@pytest.fixture
def scene(engine, tmp_path):
    store = engine.open(tmp_path)
    connection = store.connect()
    yield Scene(connection)
    connection.close()
    store.close()


def test_members_are_paid_to_the_last_unit(scene):
    report = scene.tick()
    assert report.planned == "p-000001"
    assert [payout.state for payout in report.open] == ["sent"]
    assert scene.paid() == {"kai": 0, "lea": 0, "mia": 0}
    scene.finish()
    stored = rows.read_transaction(scene.connection, "p-000001")
    assert 0 < stored.fee <= 2_000_000
    assert sum(scene.paid().values()) == 100_000_000 - stored.fee
    assert scene.owed() == {"kai": 0, "lea": 0, "mia": 0}
    scene.check()


@pytest.mark.parametrize(("point", "fault"), list(itertools.product(POINTS, FAULTS)))
def test_killed_at_any_point_with_any_answer_pays_once(scene, point, fault):
    scene.wallet.faults = [fault]
    died = 0
    for _ in range(4):
        died += scene.tick(killed_at=point) is None
        scene.chain.mine(3)
    assert died, "the point was never reached"
    scene.finish()
    scene.check()
    assert scene.owed() == {"kai": 0, "lea": 0, "mia": 0}


@pytest.mark.parametrize("seed", range(200))
def test_random_lives_with_kills_faults_and_reorganisations(tmp_path, seed):
    store = SqliteStore.open(tmp_path)
    connection = store.connect()
    live(Scene(connection), seed)
    connection.close()
    store.close()


@pytest.mark.parametrize("seed", range(200, 215))
def test_random_lives_on_either_database(scene, seed):
    live(scene, seed)


def live(scene, seed):
    """Thirty turns of random kills, faults and reorganisations; then all is healed and judged."""
    chance = random.Random(seed)
    for _ in range(30):
        scene.wallet.faults = [chance.choice(FAULTS) for _ in range(chance.randrange(3))]
        scene.wallet.is_locked = chance.random() < 0.1
        scene.tick(killed_at=chance.choice(("", *POINTS)))
        if chance.random() < 0.2:
            scene.earn(scene.earned + 1)
        if chance.random() < 0.5:
            scene.chain.mine(chance.randrange(1, 4))
        if chance.random() < 0.1:
            depth = chance.randrange(1, 4)
            if not any(not it.inputs for block in scene.chain.blocks[-depth:] for it in block):
                scene.chain.reorganise(depth)
                scene.chain.mine(depth)
        scene.now += chance.randrange(2 * 3_600_000)
    scene.wallet.faults, scene.wallet.is_locked = [], False
    scene.now += 3_600_000
    scene.finish(ticks=20)
    scene.check()


def test_the_pool_can_bear_the_fee(tmp_path):
    store = SqliteStore.open(tmp_path)
    scene = Scene(store.connect(), fee_payer="pool")
    scene.finish()
    assert scene.paid() == {"kai": 50_000_000, "lea": 30_000_000, "mia": 20_000_000}
    assert ledger.read_balance(scene.connection, "expense:network-fee:hot", "LTCREGTEST") > 0
    assert ledger.ledger_findings(scene.connection) == []
    scene.connection.close()
    store.close()


def test_a_payout_that_the_node_forgot_is_sent_again(scene):
    scene.tick()
    scene.chain.mempool.clear()
    scene.tick()
    assert len(scene.chain.mempool) == 1
    scene.finish()
    scene.check()


def test_a_reorganisation_that_drops_a_payout_sends_the_same_bytes_again(scene):
    scene.tick()
    first = dict(scene.chain.mempool)
    scene.chain.mine(2)
    scene.chain.reorganise(2, drops=True)
    scene.chain.mine(2)
    scene.tick()
    assert scene.chain.mempool == first
    scene.finish()
    scene.check()


def test_a_payout_whose_coins_others_spent_is_given_back(scene):
    scene.tick()
    ((_txid, payout),) = scene.chain.mempool.items()
    scene.chain.mempool.clear()
    thief = Transaction("f" * 64, payout.inputs, ((b"thief", 5),))
    scene.chain.take(thief)
    scene.chain.mine(3)
    report = scene.tick()
    assert "1 transactions left the wallet that no payout explains" in report.stopped
    assert scene.owed() == {"kai": 0, "lea": 0, "mia": 0}, "three blocks are not deep enough to give up"
    scene.chain.mine(3)
    scene.tick()
    assert scene.owed() == {"kai": 50_000_000, "lea": 30_000_000, "mia": 20_000_000}
    assert rows.last_payouts(scene.connection, "p", 1)[0].state == "cancelled"
    assert scene.tick().stopped, "no new payout before a person has looked"


def test_money_that_left_without_an_intent_stops_payouts_until_explained(scene):
    coin = next(iter(scene.chain.coins(OWN)))
    scene.chain.take(Transaction("e" * 64, (coin,), ((b"somebody", 5),)))
    report = scene.tick()
    assert report.stopped.endswith("e" * 64)
    assert report.plan is None
    rows.explain(scene.connection, "hot", "e" * 64, reason="I paid the rent", now=1)
    scene.chain.mine()
    assert "is owed" in scene.tick().stopped, "the rent was the members' money"


def test_a_database_of_yesterday_is_noticed(tmp_path):
    store = SqliteStore.open(tmp_path / "today")
    scene = Scene(store.connect())
    store.backup(tmp_path / "yesterday.db")
    scene.finish()
    paid = scene.paid()
    scene.connection.close()
    store.close()
    (tmp_path / "restored").mkdir()
    (tmp_path / "yesterday.db").rename(tmp_path / "restored" / "hashwright.db")
    restored = SqliteStore.open(tmp_path / "restored")
    scene.connection = restored.connect()
    for _ in range(5):
        scene.now += 3_600_000
        assert "no payout explains" in scene.tick().stopped
        scene.chain.mine()
    assert scene.paid() == paid, "nobody was paid a second time"
    scene.connection.close()
    restored.close()


def test_a_node_that_fell_back_pauses_payouts(scene):
    scene.chain.mine(5)
    scene.tick()
    scene.chain.reorganise(4)
    scene.now += 3_600_000
    assert "is at block" in scene.tick().stopped
    scene.chain.mine(5)
    assert scene.tick().stopped == ""


def test_an_insolvent_wallet_pays_nobody(scene):
    scene.chain.blocks[0].clear()
    report = scene.tick()
    assert "is owed" in report.stopped
    assert report.open == ()


def test_dry_run_paused_and_watch_only_plan_or_say_why(tmp_path):
    store = SqliteStore.open(tmp_path)
    scene = Scene(store.connect(), is_live=False)
    report = scene.tick()
    assert report.plan.total == 100_000_000
    assert (report.planned, report.open, scene.wallet.broadcasts) == ("", (), 0)
    scene.wallet.is_watch_only = True
    assert "only watch" in scene.tick().stopped
    scene.connection.close()
    store.close()


def test_a_locked_wallet_waits_and_says_so(scene):
    scene.wallet.is_locked = True
    scene.tick()
    (payout,) = rows.open_payouts(scene.connection, "p")
    assert payout.state == "planned"
    assert "locked" in payout.detail
    scene.wallet.is_locked = False
    scene.finish()
    scene.check()


def test_a_wallet_that_signs_something_else_is_refused(scene):
    sign = scene.wallet.sign

    async def swap(outputs, *, inputs):
        return await sign([(b"thief", minor) for _, minor in outputs], inputs=inputs)

    scene.wallet.sign = swap
    scene.tick()
    (payout,) = rows.open_payouts(scene.connection, "p")
    assert payout.state == "planned"
    assert "something else" in payout.detail
    assert scene.wallet.broadcasts == 0


def test_a_new_address_waits_two_days_and_the_old_one_is_paid(scene):
    scene.set_address("kai", "addr-thief")
    scene.finish()
    assert scene.chain.paid(script_of("addr-thief")) == 0
    assert scene.paid()["kai"] > 0
    scene.check()
    scene.now += ADDRESS_DELAY_MS
    scene.earn(2)
    scene.finish()
    assert scene.chain.paid(script_of("addr-thief")) > 0


def test_limits_hold(scene):
    scene.policy = policy(approval_above=1)
    assert "approval" in scene.tick().plan.problem
    scene.policy = policy(daily_limit=99_999_999)
    assert "daily limit" in scene.tick(is_approved=True).plan.problem
    scene.policy = policy(approval_above=1)
    assert scene.tick(is_approved=True).planned == "p-000001"


@pytest.mark.parametrize("way", ["entry", "balance", "payout"])
def test_books_that_do_not_hold_pay_nobody(engine, scene, way):
    if way == "entry":
        engine.drop_trigger(scene.connection, "entry_is_immutable")
        scene.connection.execute("UPDATE entry SET at_ms = at_ms + 1")
    elif way == "balance":
        scene.connection.execute("UPDATE balance SET minor = minor - 1 WHERE account LIKE 'liability:member:p:kai'")
        scene.chain.fund(OWN, 10)
    else:
        scene.finish()
        scene.earn(2)
        scene.now += 3_600_000
        engine.drop_trigger(scene.connection, "payout_part_is_kept")
        scene.connection.execute("DELETE FROM payout_part WHERE member = 'mia'")
    with pytest.raises(InvariantBroken, match="nobody is paid"):
        scene.tick()
    assert rows.open_payouts(scene.connection, "p") == []


def test_a_hot_wallet_above_its_cap_is_told(scene):
    scene.policy = policy(is_paused=True, wallet_cap=100_000_000)
    assert scene.tick().above_cap == 1_000_000
    scene.policy = policy(is_paused=True, wallet_cap=101_000_000)
    assert scene.tick().above_cap == 0
    scene.policy = policy(is_paused=True)
    assert scene.tick().above_cap == 0
    with pytest.raises(ValueError, match="cap"):
        policy(wallet_cap=-1)


class FullDisk(PlainBooks):
    """Books whose disk is full at one commit: taken back, or durable all the same and only said to have failed."""

    def __init__(self, connection, *, at, is_durable):
        super().__init__(connection)
        self.left, self.is_durable = at, is_durable

    async def write(self, apply):
        self.left -= 1
        if self.left:
            return await super().write(apply)
        if self.is_durable:
            await super().write(apply)
        else:
            self.connection.execute("BEGIN")
            apply(self.connection)
            self.connection.execute("ROLLBACK")
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("is_durable", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_disk_that_is_full_at_any_commit_pays_once(scene, at, is_durable):
    books = FullDisk(scene.connection, at=at, is_durable=is_durable)
    failed = 0
    for _ in range(4):
        scene.now += 60_000
        payer = Payer(scene.policy, scene.wallet, books, script_of=script_of)
        try:
            asyncio.run(payer.tick(now=scene.now))
        except OSError:
            failed += 1
        scene.chain.mine(3)
    assert books.left <= 0, "that commit was never reached"
    scene.finish()
    scene.check()
    assert scene.owed() == {"kai": 0, "lea": 0, "mia": 0}
    assert failed <= 1


def test_a_round_goes_on_until_everybody_who_is_due_is_paid(scene):
    scene.policy = policy(batch_max=2, interval_ms=10**9)
    first = scene.tick()
    assert [part.member for part in first.open[0].parts] == ["kai", "lea"]
    assert [name for name, _, reason in first.plan.waiting if "no room" in reason] == ["mia"]
    second = scene.tick()
    assert [part.member for payout in second.open for part in payout.parts] == ["kai", "lea", "mia"]
    scene.earn(2)
    assert scene.tick().planned == "", "the next round is not due"
    scene.now += 10**9
    assert scene.tick().planned
    scene.finish()
    scene.check()


def test_who_was_paid_in_a_round_waits_for_the_next_one(scene):
    scene.policy = policy(batch_max=1, interval_ms=10**9)
    paid = []
    for _ in range(5):
        report = scene.tick()
        scene.chain.mine(6)
        scene.earn(scene.earned + 1)
        if report.planned:
            paid.append(rows.read_payout(scene.connection, report.planned).parts[0].member)
    assert paid == ["kai", "lea", "mia"]


def test_an_address_that_is_paid_alone_has_a_payout_of_its_own_and_goes_first(scene):
    scene.policy = policy(is_paid_alone=lambda address: address == "addr-mia", interval_ms=10**9)
    first, second = scene.tick(), scene.tick()
    assert [part.member for payout in first.open for part in payout.parts] == ["mia"]
    assert [part.member for payout in second.open for part in payout.parts] == ["mia", "kai", "lea"]
    assert scene.tick().planned == ""
    scene.finish()
    scene.check()


def ready(**changes):
    parts = {"txid_display": "a" * 64, "raw": b"x", "inputs": (Outpoint("b" * 64, 0),), "fee": 12, "shared_fee": 10}
    return Prepared(**{**parts, "payments": ((b"kai", 90),), **changes})


@pytest.mark.parametrize(
    ("changes", "reserved"),
    [
        ({}, {("b" * 64, 0)}),
        ({"inputs": ()}, set()),
        ({"payments": ((b"kai", 91),)}, set()),
        ({"payments": ((b"kai", 90), (b"eve", 1))}, set()),
        ({"fee": 9}, set()),
    ],
    ids=["reserved", "spends nothing", "more", "somebody else", "cheaper than what payees bear"],
)
def test_what_a_wallet_prepared_otherwise_is_refused(changes, reserved):
    def payments_at(fee):
        return [(b"kai", 100 - fee)]

    order = Order(payout="p-1", total=100, scripts=(b"kai",), payments_at=payments_at, dust=1, is_fee_on_top=False)
    refuse_unlike(order, ready(), reserved={("c" * 64, 0)})
    assert borne_by_pool(order, ready()) == 2
    with pytest.raises(OperatorError, match="something else than payout p-1"):
        refuse_unlike(order, ready(**changes), reserved=reserved)

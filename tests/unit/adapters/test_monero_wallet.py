"""A Monero wallet's answers, one by one: what is believed, what is proven, and who must act."""

import asyncio
import copy

import pytest

from hashwright.adapters.nodes._monero_rpc import MoneroError
from hashwright.adapters.wallets import _monero_signed as signed
from hashwright.adapters.wallets.base import Order, Outpoint
from hashwright.adapters.wallets.monero_wallet import PLUGIN, Config, MoneroWallet, is_paid_alone
from hashwright.chain.cryptonote.payee import payee_of_address
from hashwright.errors import Disconnected, InvariantBroken, OperatorError, Unavailable
from unit.chain.test_monero_payments import ANSWER, BLOB, PAYEES, SIGNED, WANTED

OWN = signed.change_payee(SIGNED["own_address"], SIGNED["own_address"])
FEE, TXID = ANSWER["fee"], ANSWER["tx_hash"]
IMAGES = ANSWER["spent_key_images"]["key_images"]
TIP = {"block_header": {"height": 100, "hash": "aa" * 32}}


def refused(number, text="its own words"):
    return MoneroError("The wallet refused it", number=number, text=text)


class Rpc:
    """Answers as a test says: a value, an error, or what comes of the parameters; a list is used up one a call."""

    url = "http://127.0.0.1:1"

    def __init__(self, answers):
        self.answers, self.calls = answers, []

    async def ask(self, method, params=None, *, timeout_s=None):
        self.calls.append((method, params))
        answer = self.answers[method]
        answer = answer.pop(0) if isinstance(answer, list) and len(answer) > 1 else answer
        answer = answer[0] if isinstance(answer, list) else answer
        answer = answer(params) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return copy.deepcopy(answer)

    call = plain = raw = ask

    async def aclose(self):
        pass

    def methods(self):
        return [method for method, _ in self.calls]


def wallet_of(wallet=(), node=(), *, is_watch_only=False):
    config = Config(rpc_url="http://127.0.0.1:1")
    usual = {"get_last_block_header": TIP, "get_fee_estimate": {"fee": 1_000_000}}
    return MoneroWallet(
        config, Rpc(dict(wallet)), Rpc({**usual, **dict(node)}), is_watch_only=is_watch_only, change=OWN
    )


def order(*, on_top=True, limit=10**18):
    def payments_at(fee):
        if fee > limit:
            raise ValueError(f"a fee of {fee} is above the limit")
        first = WANTED[0][1] + (0 if on_top else FEE - fee)  # the first payee bears the fee, for the test
        return [(WANTED[0][0], first), *WANTED[1:]]

    total = sum(minor for _, minor in WANTED) + (0 if on_top else FEE)
    return Order(
        payout="p-1", total=total, scripts=tuple(PAYEES), payments_at=payments_at, dust=1, is_fee_on_top=on_top
    )


def prepared(wallet, *, reserved=(), **options):
    return asyncio.run(wallet.prepare(order(**options), reserved=set(reserved)))


def test_a_payment_is_proven_before_it_is_kept():
    wallet = wallet_of({"transfer": ANSWER})
    found = prepared(wallet)
    assert (found.txid_display, found.fee, found.payments) == (TXID, FEE, tuple(WANTED))
    assert found.inputs == tuple(Outpoint(image, 0) for image in IMAGES)
    kept = signed.read_kept(found.raw)
    assert kept.blob == BLOB
    assert kept.metadata.hex() == ANSWER["tx_metadata"]
    ((method, asked),) = wallet._rpc.calls
    assert (method, asked["do_not_relay"]) == ("transfer", True)
    assert asked["destinations"] == SIGNED["destinations"]


def test_where_payees_bear_the_fee_it_is_signed_again_until_both_agree():
    amounts = []

    def transfer(params):
        amounts.append(params["destinations"][0]["amount"])
        if amounts[-1] != WANTED[0][1]:
            raise OperatorError("in this test only the right amounts can be signed", code="HW-624")
        return ANSWER

    wallet = wallet_of({"transfer": transfer}, {"get_fee_estimate": {"fee": FEE / signed.weight_of(4)}})
    wallet._first_guess = lambda _: _value(FEE)
    found = prepared(wallet, on_top=False)
    assert (found.shared_fee, found.fee, amounts) == (FEE, FEE, [WANTED[0][1]])


async def _value(value):
    return value


def test_a_guess_that_the_limit_does_not_allow_is_no_guess():
    wallet = wallet_of(node={"get_fee_estimate": {"fee": 10**12}})
    assert asyncio.run(wallet._first_guess(order(limit=10**12))) == 0
    wallet = wallet_of(node={"get_fee_estimate": {"fee": 2}})
    assert asyncio.run(wallet._first_guess(order())) == 2 * signed.weight_of(4)


def test_a_fee_above_the_limit_is_refused():
    with pytest.raises(ValueError, match="above the limit"):
        prepared(wallet_of({"transfer": ANSWER}), limit=FEE - 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"tx_hash": "ab" * 32},
        {"fee": FEE + 1},
        {"tx_metadata": ANSWER["tx_metadata"].replace(ANSWER["tx_blob"][100:160], "00" * 30)},
        {"tx_key": "11" * 192},
    ],
)
def test_what_is_another_payment_is_thrown_away(changes):
    with pytest.raises(OperatorError, match="signed something else than payout p-1"):
        prepared(wallet_of({"transfer": {**ANSWER, **changes}}))


@pytest.mark.parametrize(
    "payments",
    [[(WANTED[0][0], WANTED[0][1] + 1), *WANTED[1:]], WANTED[:-1], [*WANTED, WANTED[0]], [*WANTED, (OWN, 1)]],
    ids=["more", "fewer: a stranger is paid too", "twice", "the wallet itself too"],
)
def test_other_amounts_or_payees_than_asked_for_are_seen(payments):
    with pytest.raises(OperatorError, match="something else"):
        signed.read_signed("p-1", ANSWER, payments, change=OWN)


def test_what_comes_back_must_come_back_to_the_wallet():
    with pytest.raises(OperatorError, match="something else"):
        signed.read_signed("p-1", ANSWER, WANTED, change=PAYEES[0])


def test_two_members_may_share_an_address():
    payee, minor = WANTED[0]
    shared = [(payee, minor - 5), (payee, 5), *WANTED[1:]]
    assert signed.read_signed("p-1", ANSWER, shared, change=OWN).txid_display == TXID


@pytest.mark.parametrize(
    ("answer", "kind", "code", "words"),
    [
        (refused(-37), Unavailable, "HW-634", "are locked"),
        (refused(-38), Unavailable, "HW-631", "has no node"),
        (refused(-19), Unavailable, "HW-635", "too few outputs"),
        (refused(-17), OperatorError, "HW-623", "holds less"),
        (refused(-16), OperatorError, "HW-623", "holds less"),
        (refused(-18), OperatorError, "HW-632", "too large a transaction"),
        (refused(-4), OperatorError, "HW-624", "its own words"),
        (Disconnected("gone", code="HW-414"), Disconnected, "HW-414", "gone"),
        ({"tx_hash": 7}, OperatorError, "HW-624", "cannot be read"),
        ({**ANSWER, "tx_blob": "zz"}, OperatorError, "HW-624", "cannot be read"),
        ({**ANSWER, "tx_blob": ANSWER["tx_blob"][:200]}, OperatorError, "HW-624", "cannot be read"),
        ({**ANSWER, "multisig_txset": "00"}, OperatorError, "HW-624", "multisig"),
        ({**ANSWER, "unsigned_txset": "00", "tx_key": ""}, OperatorError, "HW-624", "only watch"),
    ],
)
def test_what_keeps_a_wallet_from_signing_is_sorted(answer, kind, code, words):
    with pytest.raises(kind) as caught:
        prepared(wallet_of({"transfer": answer}))
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message


def test_a_watch_only_wallet_is_not_even_asked():
    wallet = wallet_of(is_watch_only=True)
    with pytest.raises(OperatorError, match="only watch"):
        prepared(wallet)
    assert wallet._rpc.calls == []


def test_what_is_reserved_is_frozen_and_never_taken():
    wallet = wallet_of({"transfer": ANSWER, "freeze": {}})
    with pytest.raises(OperatorError, match="goes on spending what another payout has reserved"):
        prepared(wallet, reserved={(IMAGES[1], 0)})
    assert ("freeze", {"key_image": IMAGES[1]}) in wallet._rpc.calls
    assert ("freeze", {"key_image": IMAGES[0]}) not in wallet._rpc.calls


# ---------------------------------------------------------------- sending


def kept():
    return prepared(wallet_of({"transfer": ANSWER})).raw


IN_POOL = {"txs": [{"tx_hash": TXID, "in_pool": True}]}
MINED = {"txs": [{"tx_hash": TXID, "in_pool": False, "block_height": 98}]}
UNKNOWN = {"missed_tx": [TXID]}
NOTHING = {"get_transfers": {}}


def broadcast(wallet):
    return asyncio.run(wallet.broadcast(kept()))


def test_it_is_relayed_once_and_the_wallet_is_told_to_remember():
    wallet = wallet_of({**NOTHING, "relay_tx": {"tx_hash": TXID}, "store": {}}, {"get_transactions": UNKNOWN})
    assert broadcast(wallet) == ("accepted", "")
    assert wallet._rpc.methods() == ["get_transfers", "relay_tx", "store"]
    assert dict(wallet._rpc.calls)["relay_tx"] == {"hex": ANSWER["tx_metadata"]}


@pytest.mark.parametrize(("where", "word"), [(IN_POOL, "already-known"), (MINED, "already-mined")])
def test_what_the_chain_has_is_never_given_to_the_wallet_again(where, word):
    wallet = wallet_of(node={"get_transactions": where})
    assert broadcast(wallet) == (word, "")
    assert wallet._rpc.calls == []


def test_what_the_wallet_has_relayed_before_is_sent_again_by_the_node():
    wallet = wallet_of(
        {"get_transfers": {"pending": [{"txid": TXID}]}},
        {"get_transactions": UNKNOWN, "send_raw_transaction": {"status": "OK"}},
    )
    assert broadcast(wallet) == ("accepted", "")
    assert dict(wallet._node.calls)["send_raw_transaction"]["tx_as_hex"] == ANSWER["tx_blob"]


@pytest.mark.parametrize(
    ("answer", "word", "detail"),
    [
        ({"status": "Failed", "double_spend": True, "reason": ""}, "conflict", "double spend"),
        ({"status": "Failed", "fee_too_low": True}, "refused", "fee_too_low"),
        ({"status": "Failed", "low_mixin": True, "too_big": True, "reason": "x"}, "refused", "x, low_mixin, too_big"),
        ({"status": "Failed", "reason": "something new"}, "unknown", "something new"),
        ({"status": "BUSY"}, "unknown", "BUSY"),
        ({"status": "OK"}, "accepted", ""),
    ],
)
def test_why_it_was_refused_is_the_node_s_word(answer, word, detail):
    wallet = wallet_of(
        {**NOTHING, "relay_tx": refused(-4, "Failed to commit tx.")},
        {"get_transactions": UNKNOWN, "send_raw_transaction": answer},
    )
    assert broadcast(wallet) == (word, detail)


@pytest.mark.parametrize("problem", [Disconnected("gone", code="HW-414"), Unavailable("slow", code="HW-412")])
def test_no_answer_is_no_answer(problem):
    for wallet in (
        wallet_of({**NOTHING, "relay_tx": problem}, {"get_transactions": UNKNOWN}),
        wallet_of({**NOTHING}, {"get_transactions": problem}),
    ):
        assert broadcast(wallet)[0] == "unknown"


def test_a_wallet_that_relays_something_else_is_not_believed():
    wallet = wallet_of({**NOTHING, "relay_tx": {"tx_hash": "ab" * 32}}, {"get_transactions": UNKNOWN})
    assert broadcast(wallet)[0] == "unknown"


def test_stored_bytes_that_are_no_payment_stop_everything():
    with pytest.raises(InvariantBroken):
        signed.read_kept(b"nonsense")


# ---------------------------------------------------------------- what the chain says


def sight(wallet):
    return asyncio.run(wallet.sight(TXID, [Outpoint(image, 0) for image in IMAGES]))


def test_the_depth_is_counted_by_the_node_s_tip():
    assert (sight(wallet_of(node={"get_transactions": MINED})).state, 3) == ("mined", 3)
    assert sight(wallet_of(node={"get_transactions": MINED})).confirmations == 3
    assert sight(wallet_of(node={"get_transactions": IN_POOL})).state == "mempool"


@pytest.mark.parametrize("status", [[0, 0], [2, 0]])
def test_a_payment_that_nobody_has_is_absent(status):
    wallet = wallet_of(node={"get_transactions": UNKNOWN, "is_key_image_spent": {"spent_status": status}})
    assert sight(wallet).state == "absent"


def test_another_payment_with_the_same_coins_is_named_with_its_depth():
    other = "cd" * 32

    def transactions(params):
        if params["txs_hashes"] == [TXID]:
            return UNKNOWN
        return {
            "txs": [{"tx_hash": other, "in_pool": False, "block_height": 91, "pruned_as_hex": ANSWER["tx_blob"]}]
        }  # fmt: skip

    node = {"get_transactions": transactions, "is_key_image_spent": {"spent_status": [1, 0]}}
    found = sight(wallet_of({"get_transfers": {"out": [{"txid": TXID}, {"txid": other}]}}, node))
    assert (found.state, found.txid_display, found.confirmations) == ("conflicted", other, 10)
    found = sight(wallet_of(NOTHING, node))
    assert (found.state, found.confirmations) == ("conflicted", 0), "by whom is not known: a person must look"


# ---------------------------------------------------------------- what it holds

BLOCK = {"type": "block", "txid": "b1" * 32, "amount": 600, "height": 40, "locked": False, "confirmations": 61}
YOUNG = {"type": "block", "txid": "b2" * 32, "amount": 700, "height": 90, "locked": True, "confirmations": 11}
GIFT = {"type": "in", "txid": "cc" * 32, "amount": 50, "height": 80, "locked": False, "confirmations": 21}


def test_arrivals_are_what_came_from_elsewhere_and_can_be_spent():
    mine = {"type": "in", "txid": TXID, "amount": 1, "height": 70, "locked": False}
    rows = {"in": [GIFT, YOUNG, BLOCK, {**GIFT, "amount": 5}, mine], "out": [{"txid": TXID}]}
    wallet = wallet_of({"get_transfers": rows}, {"get_block_header_by_height": TIP})
    found = asyncio.run(wallet.arrivals())
    assert [(it.txid_display[:2], it.net, it.block_hash[:2]) for it in found] == [("b1", 600, "aa"), ("cc", 55, "")]


def test_the_balance_has_no_reward_that_is_still_locked():
    answers = {
        "get_balance": {"balance": 5_000},
        "get_height": {"height": 101},
        "get_transfers": {"in": [BLOCK, YOUNG]},
    }
    wallet = wallet_of(answers)
    assert asyncio.run(wallet.balance()) == 4_300
    assert dict(wallet._rpc.calls)["get_transfers"]["min_height"] == 40


def test_the_tip_is_what_both_have_seen():
    for height, tip in ((101, 100), (90, 89), (150, 100)):
        wallet = wallet_of({"get_height": {"height": height}}, {"get_block_header_by_height": TIP})
        assert asyncio.run(wallet.tip()).height == tip


def test_what_left_is_remembered_with_its_payees():
    transfer = {
        "amount": 90,
        "fee": 10,
        "destinations": [{"address": SIGNED["destinations"][0]["address"], "amount": 90}],
    }
    wallet = wallet_of({"get_transfer_by_txid": {"transfer": transfer}}, {"get_transactions": MINED})
    found = asyncio.run(wallet.spent(TXID))
    assert (found.net, found.fee, found.outputs, found.confirmations) == (100, 10, ((PAYEES[0], 90),), 3)
    transfer.pop("destinations")
    wallet = wallet_of({"get_transfer_by_txid": {"transfer": transfer}}, {"get_transactions": MINED})
    assert asyncio.run(wallet.spent(TXID)).outputs == (), "a wallet restored from its seed forgot whom it paid"


# ---------------------------------------------------------------- opening it


def opened(monkeypatch, answers, *, network="regtest", **config):
    rpcs = []

    def make(url, *, login, timeout_s, who="node"):
        rpcs.append(Rpc(answers))
        return rpcs[-1]

    monkeypatch.setattr("hashwright.adapters.wallets.monero_wallet.MoneroRpc", make)
    settings = Config(rpc_url="http://127.0.0.1:1", **config)
    return asyncio.run(PLUGIN.open(settings, currency=None, network=network)), rpcs[0]


READY = {
    "get_address": {"address": SIGNED["destinations"][0]["address"]},
    "refresh": {},
    "sign_transfer": refused(-39, "cannot load unsigned_txset"),
}


def test_a_wallet_with_keys_and_one_without(monkeypatch):
    assert not opened(monkeypatch, READY)[0].is_watch_only
    assert opened(monkeypatch, {**READY, "sign_transfer": refused(-29)})[0].is_watch_only


def test_a_closed_wallet_is_opened_where_its_name_and_password_are_known(monkeypatch):
    monkeypatch.setenv("HW_TEST_WALLET", "s3cret")
    answers = {**READY, "get_address": [refused(-13), READY["get_address"]], "open_wallet": {}}
    _, rpc = opened(monkeypatch, answers, wallet="pool", wallet_password_from="env:HW_TEST_WALLET")
    assert ("open_wallet", {"filename": "pool", "password": "s3cret"}) in rpc.calls
    for config, answers in (
        ({}, {**READY, "get_address": refused(-13, "No wallet file")}),
        (
            {"wallet": "pool"},
            {**READY, "get_address": refused(-13), "open_wallet": refused(-1, "Failed to open wallet")},
        ),
    ):
        with pytest.raises(OperatorError) as caught:
            opened(monkeypatch, answers, **config)
        assert caught.value.code == "HW-630"


def test_a_wallet_of_another_network_or_without_a_node_is_refused(monkeypatch):
    with pytest.raises(OperatorError) as caught:
        opened(monkeypatch, READY, network="stage")
    assert caught.value.code == "HW-633"
    with pytest.raises(Unavailable) as caught:
        opened(monkeypatch, {**READY, "refresh": refused(-38, "no connection to daemon")})
    assert caught.value.code == "HW-631"


def test_integrated_addresses_are_paid_alone():
    from unit.chain.test_monero_addresses import address

    assert is_paid_alone(address("main", "integrated"))
    assert not is_paid_alone(address("main", "subaddress"))
    assert not is_paid_alone("nonsense")
    assert payee_of_address(address("main", "integrated"))[1].payment_id

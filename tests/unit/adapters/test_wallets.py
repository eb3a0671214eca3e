"""Which answers of a node mean what, and which coins are taken."""

import pytest

from hashwright.adapters.wallets._coins import Cost, Unspent, choose_inputs, fee_of, size_of_outputs
from hashwright.adapters.wallets.base import Outpoint
from hashwright.adapters.wallets.bitcoind import sorted_answer
from hashwright.errors import OperatorError


@pytest.mark.parametrize(
    ("number", "text", "word"),
    [
        (-27, "transaction already in block chain", "already-mined"),
        (-27, "Transaction outputs already in utxo set", "already-mined"),
        (-26, "txn-already-in-mempool", "already-known"),
        (-26, "txn-already-known", "already-mined"),
        (-26, "txn-mempool-conflict", "conflict"),
        (-26, "insufficient fee, rejecting replacement", "conflict"),
        (-26, "min relay fee not met, 100 < 226", "refused"),
        (-26, "dust", "refused"),
        (-25, "bad-txns-inputs-missingorspent", "missing-inputs"),
        (-25, "Missing inputs", "missing-inputs"),
        (-22, "TX decode failed", "unknown"),
        (-1, "something new", "unknown"),
        (0, "", "unknown"),
    ],
)
def test_a_refusal_is_sorted_and_a_new_word_is_unknown(number, text, word):
    assert sorted_answer(number, text) == word


def coins(*amounts):
    return [Unspent(outpoint=Outpoint(f"{at:064x}", 0), minor=it, confirmations=1) for at, it in enumerate(amounts)]


def cost(**changes):
    return Cost(**{"fee_rate": 1_000, "output_bytes": 100, "dust": 1_000, "is_on_top": False, **changes})


def test_the_largest_coins_are_taken_first_and_nothing_is_lost():
    choice = choose_inputs(coins(5_000, 90_000, 20_000), wanted=100_000, cost=cost(), reserved=())
    assert [it.txid_display[-1] for it in choice.inputs] == ["1", "2"]
    assert choice.fee == fee_of(2, 100, 1_000) == 12 + 4 + 2 * 149 + 100
    assert choice.change == 10_000
    assert choice.extra == 0


def test_change_that_no_node_carries_is_extra_fee():
    choice = choose_inputs(coins(100_999), wanted=100_000, cost=cost(), reserved=())
    assert (choice.change, choice.extra) == (0, 999)


def test_a_fee_on_top_is_found_too():
    choice = choose_inputs(coins(100_000, 50_000), wanted=100_000, cost=cost(is_on_top=True), reserved=())
    assert len(choice.inputs) == 2
    assert choice.change + choice.fee + 100_000 == 150_000


def test_reserved_coins_are_not_touched_and_too_little_is_said():
    with pytest.raises(OperatorError, match="90000 minor units that are free"):
        choose_inputs(coins(90_000, 90_000), wanted=100_000, cost=cost(), reserved={(f"{0:064x}", 0)})


def test_sizes_of_outputs():
    assert size_of_outputs([bytes(22), bytes(25)]) == 31 + 34

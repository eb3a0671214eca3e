"""What every payout scheme must do, whichever file it is in: divide exactly, favour nobody by order or name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.money import Amount, Currency
from hashwright.pool.schemes.base import HOUSE, PPM, Terms

LTC = Currency("LTC", 8)
NAMES = tuple(registry.names("schemes"))
WORK = st.dictionaries(st.sampled_from(["kai", "lea", "mia", "noa", HOUSE]), st.integers(0, 10**24), max_size=5)


def scheme(name, **settings):
    return registry.load("schemes", name).SCHEME(**settings)


def terms(**changes):
    settings = {"network_work": 10**12, "subsidy": Amount(625_000_000, LTC), "fees": Amount(3_000_000, LTC)}
    return Terms(**{**settings, **changes})


def test_the_schemes_of_the_issue_are_there_and_prop_is_not():
    assert set(NAMES) >= {"solo", "pps", "fpps", "pplns"}
    assert "prop" not in NAMES


@pytest.mark.parametrize("name", NAMES)
@given(gross=st.integers(0, 10**12), work=WORK, fee_ppm=st.integers(0, PPM))
def test_a_block_is_divided_to_the_last_unit_and_nobody_gets_less_than_nothing(name, gross, work, fee_ppm):
    split = scheme(name, fee_ppm=fee_ppm).split_block(Amount(gross, LTC), finder="kai", work=work)
    assert split.paid.minor == gross
    assert all(amount.minor > 0 for _, amount in split.credits)
    assert min(split.fee.minor, split.rest.minor) >= 0
    assert [member for member, _ in split.credits] == sorted({member for member, _ in split.credits})
    assert HOUSE not in dict(split.credits)


@pytest.mark.parametrize("name", NAMES)
@given(gross=st.integers(0, 10**12), work=WORK)
def test_the_order_of_members_changes_nothing(name, gross, work):
    turned = dict(reversed(list(work.items())))
    one, other = (scheme(name).split_block(Amount(gross, LTC), finder="lea", work=it) for it in (work, turned))
    assert one == other


@pytest.mark.parametrize("name", NAMES)
@given(pieces=st.lists(st.tuples(st.sampled_from(["kai", "lea"]), st.integers(1, 10**12)), min_size=1, max_size=30))
def test_work_in_pieces_earns_what_it_earns_at_once(name, pieces):
    """Cutting the same work into other batches changes nobody by more than a unit, ever."""
    paying = scheme(name)
    carried, piecewise = {}, {}
    for member, work in pieces:
        credit = paying.credit_work({member: work}, terms=terms(), carried=carried)
        carried = credit.carried
        for who, amount in credit.split.credits:
            piecewise[who] = piecewise.get(who, 0) + amount.minor
    sums = {}
    for member, work in pieces:
        sums[member] = sums.get(member, 0) + work
    at_once = {who: amount.minor for who, amount in paying.credit_work(sums, terms=terms(), carried={}).split.credits}
    for member in sums:
        assert abs(piecewise.get(member, 0) - at_once.get(member, 0)) <= 1
    if paying.pays == "block":
        assert not piecewise

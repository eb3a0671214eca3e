"""Payouts in the running program, without a wallet that answers: settings, members, addresses, and what is said."""

import asyncio

import pytest

from hashwright.errors import HashwrightError
from hashwright.money import Currency
from hashwright.runtime.payouts import parse_payouts

LTC = Currency("LTCREGTEST", 8)
GOOD = {
    "pool": "home",
    "wallet_settings": {"rpc_url": "http://127.0.0.1:1"},
    "threshold": "0.1",
    "daily_limit": "5",
    "approval_above": "1",
}


def test_a_policy_is_read_exactly_and_is_a_dry_run():
    _settings, policy, config = parse_payouts(GOOD, LTC)
    assert (policy.threshold, policy.daily_limit, policy.approval_above) == (10_000_000, 500_000_000, 100_000_000)
    assert not policy.is_live
    assert config.rpc_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": "0.000000001"}, "more than 8 places"),
        ({"threshold": "1e5"}, "not a plain decimal"),
        ({"threshold": "0.00000001"}, "threshold"),
        ({"daily_limit": "NaN"}, "not a plain decimal"),
        ({"daily_limit": "-1"}, "not negative"),
        ({"wallet_settings": {}}, "rpc_url"),
        ({"surprise": 1}, "surprise"),
        ({"fee_payer": "nobody"}, "nobody"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_the_reason(changes, words):
    with pytest.raises(HashwrightError, match=words):
        parse_payouts({**GOOD, **changes}, LTC)


def test_an_unreachable_wallet_is_a_reason_and_no_crash():
    from hashwright.runtime.payouts import PayoutService

    class App:
        """What the service uses of the program."""

        def __init__(self):
            self.told = []
            self.shell = self.kernel = self
            self.poisoned = 0

        def warn(self, alert):
            self.told.append(alert)

    app = App()
    _settings, policy, config = parse_payouts(GOOD, LTC)
    service = PayoutService(app, policy, config)

    async def twice():
        await service.tick(is_approved=False)
        await service.tick(is_approved=False)

    asyncio.run(twice())
    assert service.problem
    app.poisoned = 1
    asyncio.run(service.tick(is_approved=True))
    assert service.problem.startswith("An event broke its engine")
    app.told.pop()
    assert [alert.code for alert in app.told] == ["HW-622"], "it is said once, not at every tick"

"""Accounts at Ocean, by address. Seen: recorded answers of `user_hashrate`, `statsnap` and `earnpay`.

`earnpay` lists payouts in satoshis; one without a transaction id was promised, not sent, and is not counted as paid.
"""

from collections.abc import Sequence

from hashwright.adapters.upstreams.base import AccountReport, Question, Reader, amount, document, hashrate, inner, rows
from hashwright.money import Amount, Currency

ALL_TIME = "0/9999999999"


def ask(account: str, _token: str, _currency: Currency) -> tuple[Question, ...]:
    """Three questions: rate, what is unpaid, what was paid."""
    paths = (f"/v1/user_hashrate/{account}", f"/v1/statsnap/{account}", f"/v1/earnpay/{account}/{ALL_TIME}")
    return tuple(Question(path=path, headers={}) for path in paths)


def read(answers: Sequence[bytes], currency: Currency) -> AccountReport:
    """Read the three answers."""
    rate, snap, paid = (inner(document(answer), "result") for answer in answers)
    sent = [it for it in rows(paid.get("payouts")) if it.get("on_chain_txid")]
    total = sum(amount(it.get("total_satoshis_net_paid"), currency, places=8).minor for it in sent)
    return AccountReport(
        hashrate=hashrate(rate.get("hashrate_10800s")),
        unpaid=amount(snap.get("unpaid"), currency),
        paid=Amount(total, currency),
    )


READER = Reader(title="Ocean", url="https://api.ocean.xyz", seen="recorded", needs_token=False, ask=ask, read=read)

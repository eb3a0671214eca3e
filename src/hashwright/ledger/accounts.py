"""The chart of accounts: which account holds what, and how it is named.

A name is `root:part:part`, the roots are those of bookkeeping. Amounts are debits when positive: what we have (`asset`)
and what we spent (`expense`) grow upward; what we owe (`liability`), earned (`income`) or own (`equity`) is negative.
So what a member is owed is the negated balance of the account.

    asset:immature:POOL                 blocks of a pool that are not spendable yet
    asset:wallet:WALLET                 coins in a wallet
    asset:receivable:UPSTREAM:STATE     owed by an upstream: `expected` by our count, `credited` by its own
    asset:cash:PLACE                    money of a state: a bank, an exchange
    asset:hardware:NAME
    liability:immature:POOL:MEMBER      a member's part of blocks that may still be orphaned
    liability:unearned:POOL             the pool's own part of those: its fee, and what falls to the reserve
    liability:member:POOL:MEMBER        what a member can be paid
    liability:payout:POOL:PAYOUT        on its way to members: signed or sent, not settled
    liability:held:POOL                 an abnormal reward, until a person has looked
    liability:escrow:ORDER              what is held for an order of the market
    liability:escrow:MARKET:BUYER       a buyer's funds that no order holds
    equity:conversion                   one currency for another: a sale leaves coins here and takes money
    equity:reserve:POOL                 out of which PPS and FPPS pay; equity:owner is what the owner put in or took out
    income:fee:POOL, income:mined:DESTINATION, income:rounding
    expense:energy:SITE, expense:network-fee:WALLET, expense:orphaned:POOL
"""

import re
from typing import Final

ROOTS: Final = ("asset", "liability", "equity", "income", "expense")
ACCOUNT_MAX: Final = 400
"""A worker name of 128 characters, each written as %XX, and what stands before it."""
_ACCOUNT: Final = re.compile(r"(?:asset|liability|equity|income|expense)(?::[-A-Za-z0-9_.@+%]+)+", re.ASCII)
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@+")

OWNER: Final = "equity:owner"
CONVERSION: Final = "equity:conversion"
ROUNDING: Final = "income:rounding"
RESERVES: Final = "equity:reserve:"
MEMBERS: Final = "liability:member:"
NEVER_NEGATIVE: Final = (MEMBERS, "liability:immature:", "liability:escrow:", "liability:payout:")
"""Nobody can owe us here: such an account never has a debit balance (reliability.md I3)."""


def is_account(name: str) -> bool:
    """Tell whether a text is the name of an account."""
    return len(name) <= ACCOUNT_MAX and _ACCOUNT.fullmatch(name) is not None


def part(text: str) -> str:
    """Write any text as one part of a name: other characters become %XX of their UTF-8."""
    return "".join(letter if letter in _PLAIN else _escaped(letter) for letter in text)


def parts_of(account: str) -> tuple[str, ...]:
    """Read the parts of a name back as they were given to `part`."""
    return tuple(_plain(item) for item in account.split(":"))


def immature(pool: str) -> str:
    """Name the account of blocks that are not spendable yet."""
    return f"asset:immature:{part(pool)}"


def wallet(name: str) -> str:
    """Name the account of a wallet."""
    return f"asset:wallet:{part(name)}"


def receivable(upstream: str, state: str) -> str:
    """Name the account of what an upstream owes: `expected` or `credited`."""
    return f"asset:receivable:{part(upstream)}:{part(state)}"


def cash(place: str) -> str:
    """Name the account of money of a state that lies somewhere."""
    return f"asset:cash:{part(place)}"


def hardware(name: str) -> str:
    """Name the account of a machine, or of a lot of machines."""
    return f"asset:hardware:{part(name)}"


def member_immature(pool: str, member: str) -> str:
    """Name the account of a member's part of blocks that may still be orphaned."""
    return f"liability:immature:{part(pool)}:{part(member)}"


def unearned(pool: str) -> str:
    """Name the account of the pool's own part of such blocks."""
    return f"liability:unearned:{part(pool)}"


def member(pool: str, name: str) -> str:
    """Name the account of what a member can be paid."""
    return f"liability:member:{part(pool)}:{part(name)}"


def payout(pool: str, payout_id: str) -> str:
    """Name the account of one payout that is on its way."""
    return f"liability:payout:{part(pool)}:{part(payout_id)}"


def held(pool: str) -> str:
    """Name the account of abnormal rewards."""
    return f"liability:held:{part(pool)}"


def escrow(order: str) -> str:
    """Name the account of a buyer's deposit for an order."""
    return f"liability:escrow:{part(order)}"


def buyer(market: str, name: str) -> str:
    """Name the account of a buyer's funds that no order holds."""
    return f"liability:escrow:{part(market)}:{part(name)}"


def reserve(pool: str) -> str:
    """Name the account out of which PPS and FPPS pay."""
    return f"equity:reserve:{part(pool)}"


def fee(pool: str) -> str:
    """Name the account of what a pool's fee earned."""
    return f"income:fee:{part(pool)}"


def mined(destination: str) -> str:
    """Name the account of what our own machines earned at a destination."""
    return f"income:mined:{part(destination)}"


def energy(site: str) -> str:
    """Name the account of what energy cost at a site."""
    return f"expense:energy:{part(site)}"


def network_fee(wallet_name: str) -> str:
    """Name the account of fees paid to miners for a wallet's transactions."""
    return f"expense:network-fee:{part(wallet_name)}"


def orphaned(pool: str) -> str:
    """Name the account of rewards that members had been paid before their block was orphaned."""
    return f"expense:orphaned:{part(pool)}"


def _escaped(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode())


def _plain(item: str) -> str:
    head, *escaped = item.split("%")
    # allow hex: two digits that `_escaped` wrote
    raw = head.encode() + b"".join(bytes((int(piece[:2], 16),)) + piece[2:].encode() for piece in escaped)
    return raw.decode()

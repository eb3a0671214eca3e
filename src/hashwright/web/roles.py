"""Who may do what: the one table that every door of the web asks.

The roles are those of the trade: a technician (operator) works on machines and sees no money; a member sees his own
workers and what he is owed; a buyer sees his orders; a read-only link looks, with amounts or without. Only an owner
pays, and only an owner lets others in. A key carries single permissions and can never let others in.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Role = Literal["owner", "operator", "member", "buyer", "reader"]
Permission = Literal["view", "money", "operate", "pay", "manage", "own", "trade"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)
OF_ROLE: Final[dict[Role, frozenset[Permission]]] = {
    "owner": frozenset({"view", "money", "operate", "pay", "manage"}),
    "operator": frozenset({"view", "operate"}),
    "member": frozenset({"own"}),
    "buyer": frozenset({"trade"}),
    "reader": frozenset({"view"}),
}
KEY_SCOPES: Final[tuple[Permission, ...]] = ("view", "money", "operate", "pay")
"""What a key may carry."""
WORDS: Final[dict[Permission, str]] = {
    "view": "see machines, destinations and blocks",
    "money": "see the books",
    "operate": "change where machines work",
    "pay": "pay, and change who is paid",
    "manage": "let others in",
    "own": "see one's own workers and payouts",
    "trade": "buy hash power with one's own funds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: an account, a key or a link, and what it may do. `by_cookie` means a browser sent it by itself."""

    kind: Literal["account", "key", "link"]
    name: str
    role: Role
    permissions: frozenset[Permission]
    pool: str = ""
    member: str = ""
    by_cookie: bool = False
    csrf: str = ""
    session: bytes = b""

    @property
    def who(self) -> str:
        """Return the name by which the audit trail and stored answers know it."""
        return f"{self.kind}:{self.name}"

    def may(self, permission: Permission) -> bool:
        """Tell whether it may."""
        return permission in self.permissions


def permissions_of_link(*, shows_money: bool) -> frozenset[Permission]:
    """Return what a read-only link may do."""
    return OF_ROLE["reader"] | ({"money"} if shows_money else set())

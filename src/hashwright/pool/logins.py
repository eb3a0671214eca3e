"""CryptoNote's login: who mines, for whom, at which difficulty. Subscribing and authorizing are one here.

    address            4...                     the member is the address itself
    address.rig        4....rack-12             and the rig tells its machines apart
    address+10000      a fixed difficulty, behind the rig too
    name.rig           kai.rack-12              an account of this pool, as everywhere else

Somebody who mines to an address that this pool cannot pay works for nothing: so an address is read, and one of another
network, or with a wrong letter, is refused in words. (Source of the forms: reference stratum.md 2.3.)
"""

import functools
import re
from typing import Final

from hashwright import registry
from hashwright.chain.address import AddressError, script_of_address
from hashwright.pool import channels, sessions
from hashwright.pool.effects import AnswerAuthorize, PoolEffect
from hashwright.pool.events import AuthorizeAsked, LoginAsked
from hashwright.pool.jobs import clamp_difficulty
from hashwright.pool.records import Destination, PoolState, Session

_FIXED: Final = re.compile(r"\+([0-9]{1,15})$", re.ASCII)
_LIKE_ADDRESS: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{80,}", re.ASCII)
"""Nobody's account name is so long; every Monero address is longer."""


def log_in(state: PoolState, session: Session, event: LoginAsked, *, now: int) -> tuple[PoolEffect, ...]:
    """Admit a machine, give it a place and its first job; or say why not."""
    destination = state.destinations.get(session.destination)
    user, difficulty = split_login(event.user)
    problem = "" if destination is None else address_problem(destination, user.partition(".")[0])
    if problem:
        return (AnswerAuthorize(session.id, event.request, user, problem),)
    session.agent, session.can_extranonce = event.agent, True
    wish = difficulty or event.difficulty
    if wish:
        session.pace.is_fixed = True
        session.difficulty = clamp_difficulty(state, session, wish)
    sessions.suit_rented(state, session)
    asked = AuthorizeAsked(session.id, event.request, user, event.password)
    effects = sessions.authorize(state, session, asked, now=now)
    if not session.is_authorized or session.is_subscribed or destination is None:
        return effects
    session.is_subscribed = True
    return (*effects, *channels.settle(state, session, destination, now=now))


def split_login(login: str) -> tuple[str, float]:
    """Cut a fixed difficulty off a login; 0.0 where it asks for none."""
    match = _FIXED.search(login)
    return (login, 0.0) if match is None else (login[: match.start()], float(match[1]))


def address_problem(destination: Destination, account: str) -> str:
    """Return why an account that has the form of an address cannot be paid here, or an empty string."""
    if not _LIKE_ADDRESS.fullmatch(account):
        return ""
    settings = destination.settings
    return _problem_of(account, settings.coin or "monero", settings.network)


@functools.lru_cache(maxsize=32_768)
def _problem_of(account: str, coin: str, network: str) -> str:
    try:
        script_of_address(account, registry.load("coins", coin).COIN, network)
    except AddressError as error:
        return error.message
    return ""

"""Payouts in the running program: a policy for each pool as a person sets it, and a service that ticks its payer.

Dry run is the default: without `live` the plan is made and shown, and nothing is written or signed. A policy that
cannot be read disables itself; the program starts all the same. What stops payouts is told once, when it changes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hashwright import registry
from hashwright.adapters.wallets.base import DepositWallet, Plugin, Wallet
from hashwright.chain.address import script_of_address
from hashwright.chain.coin import Coin
from hashwright.errors import ConfigError, Finding, HashwrightError, NotSupported, OperatorError
from hashwright.money import Amount, Currency, MoneyError, amount_of
from hashwright.pool.events import DestinationSet
from hashwright.pool.luck import sentence
from hashwright.pool.members import luck_report
from hashwright.pool.payouts import (
    ADDRESS_DELAY_MS,
    FeePayer,
    MemberAddress,
    PayoutPolicy,
    address_in_force,
    asked_address,
)
from hashwright.runtime.payer import Payer, Report, plan_now
from hashwright.runtime.reconcile import Reconciler
from hashwright.signals import Alert
from hashwright.store import payouts as rows
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

KIND = "payout"
WALLETS = {"bitcoin": "bitcoind", "cryptonote": "monero_wallet"}
"""The wallet plug-in of each family of coins."""
TICK_S = 30.0
HOUR_MS = 3_600_000
T = TypeVar("T")


class PayoutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a pool pays, as it is stored. Amounts are decimals of its coin, as text."""

    pool: str
    wallet_settings: dict[str, Any]
    threshold: str
    daily_limit: str
    approval_above: str
    fee_payer: FeePayer = "members"
    interval_hours: int = 24
    depth: int | None = None
    """Blocks until a payout is settled; None is what is usual for the coin."""
    wallet_cap: str = ""
    is_live: bool = False
    is_paused: bool = False


def wallet_kind(family: str) -> Plugin:
    """Return the kind of wallet that pays the coins of a family."""
    plugin: Plugin = registry.load("wallets", WALLETS[family]).PLUGIN
    return plugin


def parse_payouts(
    raw: Mapping[str, Any], currency: Currency, *, kind: Plugin | None = None
) -> tuple[PayoutSettings, PayoutPolicy, msgspec.Struct]:
    """Read and check a policy. `kind` is the kind of wallet, of Bitcoin's family where none is named.

    Raises:
        ConfigError: it cannot be used, with the reason.
    """
    kind = kind or wallet_kind("bitcoin")
    try:
        settings = msgspec.convert(dict(raw), PayoutSettings)
        config = msgspec.convert(settings.wallet_settings, kind.config)
        minor = {
            name: amount_of(getattr(settings, name), currency).minor
            for name in ("threshold", "daily_limit", "approval_above")
        }
        policy = PayoutPolicy(
            pool=settings.pool,
            wallet=settings.pool,
            currency=currency,
            fee_payer=settings.fee_payer,
            interval_ms=settings.interval_hours * HOUR_MS,
            depth=kind.settled_depth if settings.depth is None else settings.depth,
            batch_max=kind.payees_max,
            is_paid_alone=kind.is_paid_alone,
            wallet_cap=amount_of(settings.wallet_cap, currency).minor if settings.wallet_cap else None,
            is_live=settings.is_live,
            is_paused=settings.is_paused,
            threshold=minor["threshold"],
            daily_limit=minor["daily_limit"],
            approval_above=minor["approval_above"],
        )
    except (msgspec.ValidationError, MoneyError, ValueError) as error:
        finding = Finding(code="HW-701", place="payouts", message=str(error), hint="hw pool payouts --help")
        raise ConfigError(f"These payouts cannot be set: {error}.", code="HW-701", findings=(finding,)) from error
    return settings, policy, config


class LiveBooks:
    """The books of the running program: changes go through its one writer."""

    def __init__(self, app: "Hashwright") -> None:
        self._app = app

    async def write(self, apply: Callable[[Connection], T]) -> T:
        """Run a function in a transaction; on return it is durable."""
        results: list[T] = []
        await asyncio.wrap_future(self._app.writer.transact(lambda connection: results.append(apply(connection))))
        return results[-1]  # a commit that had to be tried again applied it again, after a rollback

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads, on a thread: it may be slow."""
        return await asyncio.to_thread(self._app.store.read_books, query)


class PayoutService:
    """Ticks the payer of one pool for as long as the program runs."""

    def __init__(
        self,
        app: "Hashwright",
        policy: PayoutPolicy,
        config: msgspec.Struct,
        *,
        kind: Plugin | None = None,
        network: str = "",
    ) -> None:
        self.policy = policy
        self.report: Report | None = None
        self.problem = ""
        self._is_above_cap = False
        self._app = app
        self._config = config
        self._kind = kind or wallet_kind("bitcoin")
        self._network = network
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Tick for ever. A wallet that does not answer is tried again at the next tick."""
        while True:
            await self.tick(is_approved=False)
            await asyncio.sleep(TICK_S)

    async def tick(self, *, is_approved: bool) -> None:
        """Carry on what is open and begin what is due; one tick at a time."""
        async with self._turn:
            before = self._words()
            try:
                self.report, self.problem = await self._once(is_approved), ""
            except HashwrightError as error:
                self.problem = str(error)
            self._warn_of_cap()
            after = self._words()
            if after and after != before:
                text = f"Payouts of {self.policy.pool} are stopped: {after}."
                self._app.warn(Alert(level="critical", code="HW-622", text=text))

    async def _once(self, is_approved: bool) -> Report:
        if self._app.kernel.poisoned:
            raise OperatorError(
                "An event broke its engine; nobody is paid before a person has looked.",
                code="HW-622",
                hint="See the log for HW-901, and report it.",
            )
        wallet = await self._open_wallet()
        try:
            payer = Payer(self.policy, wallet, LiveBooks(self._app), script_of=self.script_of)
            return await payer.tick(now=self._app.clock.now(), is_approved=is_approved)
        finally:
            await wallet.aclose()

    async def _open_wallet(self) -> Wallet:
        return await self._kind.open(self._config, currency=self.policy.currency, network=self._network)

    async def open(self) -> DepositWallet:
        """Reach a wallet that gives each buyer an address of his own.

        Raises:
            NotSupported: this kind of wallet does not (HW-624).
        """
        wallet = await self._open_wallet()
        if not isinstance(wallet, DepositWallet):
            await wallet.aclose()
            raise NotSupported(f"The wallet of {self.policy.pool} takes no deposits.", code="HW-624")
        return wallet

    @contextlib.asynccontextmanager
    async def reconciling(self) -> AsyncIterator[Reconciler]:
        """Hold the wallet for a person's look at it; no tick runs meanwhile."""
        async with self._turn:
            wallet = await self._open_wallet()
            try:
                yield Reconciler(self.policy, wallet, LiveBooks(self._app), script_of=self.script_of)
            finally:
                await wallet.aclose()

    def script_of(self, address: str) -> bytes:
        """Return the output script of an address of this pool's network."""
        settings = own_pool(self._app, self.policy.pool)
        coin = registry.load("coins", settings.coin).COIN
        return script_of_address(address, coin, settings.network)

    def _warn_of_cap(self) -> None:
        """Tell a person once when the hot wallet holds more than it may, and again after it was below."""
        above = 0 if self.report is None else self.report.above_cap
        if above and not self._is_above_cap:
            text = f"The wallet of {self.policy.pool} holds {Amount(above, self.policy.currency)} more than its cap."
            self._app.warn(Alert(level="warning", code="HW-644", text=f"{text} Move it to a cold one."))
        self._is_above_cap = bool(above)

    def _words(self) -> str:
        return self.problem or (self.report.stopped if self.report is not None else "")


def own_pool(app: "Hashwright", name: str) -> DestinationSet:
    """Return the settings of an own pool.

    Raises:
        OperatorError: there is none of that name (HW-708).
    """
    destination = app.kernel.pool.destinations.get(name)
    if destination is None or not isinstance(destination.settings, DestinationSet):
        raise OperatorError(f"There is no own pool {name!r}.", code="HW-708", hint="hw pool status lists them.")
    return destination.settings


def currency_of(app: "Hashwright", name: str) -> Currency:
    """Return what a pool earns."""
    settings = own_pool(app, name)
    currency: Currency = registry.load("coins", settings.coin).COIN.currency(settings.network)
    return currency


def service_of(app: "Hashwright", pool: str) -> PayoutService:
    """Return the payouts of a pool.

    Raises:
        OperatorError: none are set (HW-708).
    """
    service = app.payouts.get(pool)
    if service is None:
        raise OperatorError(
            f"No payouts are set for {pool!r}.", code="HW-708", hint="Set them: hw pool payouts --help."
        )
    return service


def start(app: "Hashwright", raw: Mapping[str, Any]) -> None:
    """Start, or start anew, the payouts of a pool."""
    own = own_pool(app, str(raw.get("pool", "")))
    coin: Coin = registry.load("coins", own.coin).COIN
    kind = wallet_kind(coin.family)
    _settings, policy, config = parse_payouts(raw, coin.currency(own.network), kind=kind)
    service = PayoutService(app, policy, config, kind=kind, network=own.network)
    app.payouts[policy.pool] = service
    app.supervisor.start(f"payouts {policy.pool}", service.run)


def start_all(app: "Hashwright") -> None:
    """Start the payouts that are stored; one that cannot be used is told and left out."""
    for name, raw in app.store.settings(KIND).items():
        try:
            start(app, raw)
        except HashwrightError as error:
            text = f"Payouts of {name} are disabled: {error}"
            app.warn(Alert(level="critical", code="HW-622", text=text[:500]))


# ---------------------------------------------------------------- what a person asks and says


async def members_of(app: "Hashwright", name: str) -> list[dict[str, Any]]:
    """Return each member with what he is owed, what is still immature, and where he is paid."""
    from hashwright.ledger import accounts
    from hashwright.store import ledger

    currency, now = currency_of(app, name), app.clock.now()

    def ask(connection: Connection) -> list[dict[str, Any]]:
        found: dict[str, dict[str, int]] = {}
        for (account, money), minor in ledger.read_balances(connection).items():
            parts = accounts.parts_of(account)
            if money == currency and len(parts) == 4 and parts[2] == name and parts[1] in ("member", "immature"):
                found.setdefault(parts[3], {})[parts[1]] = -minor
        history = rows.read_addresses(connection, name)
        return [
            _member(member, found.get(member, {}), history.get(member, []), currency, now=now)
            for member in sorted(found.keys() | history.keys())
        ]

    return await LiveBooks(app).read(ask)


def _member(
    member: str, sums: Mapping[str, int], history: list[MemberAddress], currency: Currency, *, now: int
) -> dict[str, Any]:
    waiting = [it for it in history if it.active_ms > now and it.cancelled_ms is None]
    return {
        "member": member,
        "owed": Amount(sums.get("member", 0), currency).text(),
        "immature": Amount(sums.get("immature", 0), currency).text(),
        "currency": currency.code,
        "address": address_in_force(history, now=now),
        "next_address": waiting[-1].address if waiting else "",
        "next_address_from_ms": waiting[-1].active_ms if waiting else None,
    }


async def set_address(app: "Hashwright", pool: str, member: str, address: str) -> dict[str, Any]:
    """Take a member's address; the first counts at once, any other after 48 hours.

    Raises:
        AddressError: it is none of this coin and network.
    """
    settings, now = own_pool(app, pool), app.clock.now()
    script_of_address(address, registry.load("coins", settings.coin).COIN, settings.network)

    def write(connection: Connection) -> MemberAddress:
        history = rows.read_addresses(connection, pool).get(member, [])
        wish = asked_address(history, address, now=now, delay_ms=ADDRESS_DELAY_MS)
        rows.write_address(connection, pool, member, wish)
        return wish

    wish = await LiveBooks(app).write(write)
    text = f"Member {member} of {pool} asked to be paid to {address}"
    text += "." if wish.active_ms <= now else " from 48 hours from now on. Take it back: hw pool address --cancel."
    app.warn(Alert(level="warning", code="HW-627", text=text))
    return {"member": member, "address": address, "active_ms": wish.active_ms}


async def cancel_address(app: "Hashwright", pool: str, member: str) -> dict[str, Any]:
    """Take back the addresses of a member that do not count yet."""
    own_pool(app, pool)
    now = app.clock.now()
    count = await LiveBooks(app).write(lambda connection: rows.cancel_addresses(connection, pool, member, now=now))
    return {"member": member, "cancelled": count}


async def payouts_of(app: "Hashwright", pool: str, *, is_approved: bool, is_dry: bool) -> dict[str, Any]:
    """Tick the payouts of a pool now unless `is_dry`, and return what was found, planned and done."""
    service = service_of(app, pool)
    if not is_dry:
        await service.tick(is_approved=is_approved)
    now, policy = app.clock.now(), service.policy
    plan = await LiveBooks(app).read(lambda connection: plan_now(connection, policy, now=now, is_approved=is_approved))
    last = await LiveBooks(app).read(lambda connection: rows.last_payouts(connection, pool, 20))
    return {
        "pool": pool,
        "mode": "LIVE" if policy.is_live and not is_dry else "DRY RUN",
        "stopped": service.problem or (service.report.stopped if service.report is not None else ""),
        "above_cap": Amount(0 if service.report is None else service.report.above_cap, policy.currency).text(),
        "planned": service.report.planned if service.report is not None else "",
        "next": [_part(it.member, it.minor, it.address, policy.currency) for it in plan.parts],
        "waiting": [
            {**_part(member, minor, "", policy.currency), "reason": reason} for member, minor, reason in plan.waiting
        ],
        "payouts": [
            {
                "payout": it.id,
                "state": it.state,
                "members": len(it.parts),
                "amount": Amount(it.total, it.currency).text(),
                "currency": it.currency.code,
                "created_ms": it.created_ms,
                "detail": it.detail,
            }
            for it in last
        ],
    }


def _part(member: str, minor: int, address: str, currency: Currency) -> dict[str, Any]:
    return {
        "member": member,
        "amount": Amount(minor, currency).text(),
        "currency": currency.code,
        "address": address,
    }


def luck_of(app: "Hashwright", pool: str) -> dict[str, Any]:
    """Return how lucky a pool with members was, and each of them."""
    own_pool(app, pool)
    books = app.kernel.pool.books.get(pool)
    if books is None:
        raise OperatorError(
            f"{pool!r} has no members, so nobody's luck is counted.",
            code="HW-708",
            hint="Give it a payout scheme: hw pool add --scheme",
        )
    found = luck_report(books)
    return {
        "pool": pool,
        "luck": [
            {**msgspec.to_builtins(it), "name": name, "sentence": sentence(it)}
            for name, it in ((pool, found.pool), *((it.name, it) for it in found.accounts))
        ],
    }


def commands(app: "Hashwright") -> dict[str, Any]:
    """Return the commands of payouts for the control socket."""

    async def members(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await members_of(app, str(arguments["pool"]))

    async def address(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        pool, member = str(arguments["pool"]), str(arguments["member"])
        if arguments.get("cancel"):
            return await cancel_address(app, pool, member)
        return await set_address(app, pool, member, str(arguments["address"]))

    async def setup(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        raw = dict(arguments["payouts"])
        start(app, raw)
        await asyncio.wrap_future(app.writer.put_setting(KIND, str(raw["pool"]), raw, now=app.clock.now()))
        return {"pool": raw["pool"], "mode": "LIVE" if raw.get("is_live") else "DRY RUN"}

    async def payout(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        flags = {"is_approved": bool(arguments.get("approve")), "is_dry": bool(arguments.get("dry_run"))}
        return await payouts_of(app, str(arguments["pool"]), **flags)

    async def luck(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return luck_of(app, str(arguments["pool"]))

    async def check(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from hashwright.runtime.wallet_checks import check_wallet

        return msgspec.to_builtins(await check_wallet(arguments["payouts"], arguments["destination"]))

    return {
        "wallet-check": check,
        "pool-members": members,
        "pool-address": address,
        "pool-luck": luck,
        "payout-set": setup,
        "payout": payout,
    }

"""What upstreams owe, in the running program: read each account now and then, and hold it against our own count.

Expected is our accepted work times the worth of a hash, which the upstream's own newest job tells (its coinbase and its
network target), less its fee. It is an estimate and stands beside the books; what the upstream credited and says to
have sent is in them. What part of the expected becomes real is learned a day at a time and handed to whoever plans.
"""

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright import registry
from hashwright.adapters.secret import read_secret
from hashwright.adapters.upstreams.base import AccountReport, Reader, fetch, refuse_clear_text
from hashwright.chain.target import work_of_target
from hashwright.economics.receivables import DayOfUpstream, Realisation, exposure, realisation
from hashwright.economics.reward import RewardPerHash, reward_per_hash
from hashwright.errors import ConfigError, Finding, HashwrightError, OperatorError
from hashwright.money import Amount, Currency, MoneyError, amount_of
from hashwright.pool.events import UpstreamSet
from hashwright.pool.receivables import Reading
from hashwright.pool.records import PoolState
from hashwright.runtime.payouts import LiveBooks
from hashwright.signals import Alert
from hashwright.store import receivables as rows
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

KIND: Final = "account"
TICK_S: Final = 600.0
"""Pools ask for no more than a request in some seconds; a balance changes with blocks."""
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
LEARN_DAYS: Final = 60
FEE_MAX_PERCENT: Final = 20.0
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account at an upstream, as it is stored. `cap` is a decimal of its coin; `url` replaces the usual address."""

    upstream: str
    reader: str
    account: str
    token_from: str = ""
    fee_percent: float = 0.0
    cap: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account that can be read."""

    settings: AccountSettings
    reader: Reader
    currency: Currency
    cap: int | None

    @property
    def fee_ppm(self) -> int:
        """Return the upstream's fee."""
        return round(self.settings.fee_percent * 10_000)


def parse_account(raw: Mapping[str, Any], currency: Currency) -> Account:
    """Read and check the settings of an account.

    Raises:
        ConfigError: it cannot be read, with the reason.
    """
    try:
        settings = msgspec.convert(dict(raw), AccountSettings)
        reader: Reader = registry.load("upstreams", settings.reader).READER
        if not _ACCOUNT.fullmatch(settings.account):
            raise ValueError(f"{settings.account[:40]!r} is no account: letters, digits, dot, dash, up to 128")
        if not 0 <= settings.fee_percent <= FEE_MAX_PERCENT:
            raise ValueError(f"a fee is 0 to {FEE_MAX_PERCENT:.0f} percent")
        if reader.needs_token and not settings.token_from:
            raise ValueError(f"{reader.title} needs a token that may only read: --token-from file:PATH")
        refuse_clear_text(settings.url or reader.url)
        cap = amount_of(settings.cap, currency).minor if settings.cap else None
    except (msgspec.ValidationError, MoneyError, ValueError, HashwrightError) as error:
        finding = Finding(code="HW-701", place="account", message=str(error), hint="hw pool account --help")
        raise ConfigError(f"This account cannot be set: {error}.", code="HW-701", findings=(finding,)) from error
    return Account(settings=settings, reader=reader, currency=currency, cap=cap)


def worth_of_hash(pool: PoolState, upstream: str, currency: Currency) -> RewardPerHash | None:
    """Return what a hash is worth by the newest job of an upstream; None before there is one that says."""
    destination = pool.destinations.get(upstream)
    channels = [] if destination is None else [it for it in destination.channels.values() if it.coinbase and it.job]
    if not channels:
        return None
    newest = max(channels, key=lambda it: it.job_at)
    job = pool.jobs.get(newest.job)
    if job is None or newest.coinbase is None or not newest.coinbase.total:
        return None
    work = work_of_target(int.from_bytes(job.network_target_be, "big"))
    return reward_per_hash(newest.coinbase.total, work, currency)


class AccountService:
    """Reads one account for as long as the program runs."""

    def __init__(self, app: "Hashwright", account: Account) -> None:
        self.account = account
        self.problem = ""
        self._app = app
        self._told: set[str] = set()
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Read for ever. What fails is tried again at the next turn."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """Read the account once; one reading at a time."""
        async with self._turn:
            try:
                await self._once()
                self.problem = ""
            except HashwrightError as error:
                self.problem = str(error)

    async def _once(self) -> None:
        settings = self.account.settings
        token = read_secret(settings.token_from) if settings.token_from else ""
        report = await fetch(
            self.account.reader,
            url=settings.url,
            account=settings.account,
            token=token,
            currency=self.account.currency,
        )
        name, now = settings.upstream, self._app.clock.now()
        worth = worth_of_hash(self._app.kernel.pool, name, self.account.currency)
        await LiveBooks(self._app).write(lambda connection: self._write(connection, report, worth, now))
        days = await LiveBooks(self._app).read(lambda connection: days_of(connection, name, now=now))
        self._warn(report, realisation(days))

    def _write(self, connection: Connection, report: AccountReport, worth: RewardPerHash | None, now: int) -> None:
        name = self.account.settings.upstream
        last = rows.last_reading(connection, name)
        until = now // MINUTE_MS - 1  # the last whole minute may still be on its way to the disk
        after = until if last is None else last.until_minute
        if worth is None:
            until = after  # nobody told what a hash is worth: this work is counted when somebody does
        work = rows.accepted_work(connection, name, after=after, until=until)
        expected = 0 if worth is None else int(worth.of(work, fee_ppm=self.account.fee_ppm))
        reading = Reading(
            upstream=name,
            read_ms=max(now, 0 if last is None else last.read_ms + 1),
            until_minute=until,
            work=work,
            expected=expected,
            unpaid=None if report.unpaid is None else report.unpaid.minor,
            paid=None if report.paid is None else report.paid.minor,
            hashrate=report.hashrate,
        )
        rows.write_reading(connection, reading, self.account.currency)

    def _warn(self, report: AccountReport, learned: Realisation) -> None:
        """Tell a person once when a cap is passed or the upstream pays short, and again after it was good."""
        name = self.account.settings.upstream
        unpaid = 0 if report.unpaid is None else report.unpaid.minor
        over = exposure(unpaid, self.account.cap) == "over"
        owes = f"{name} owes {report.unpaid}, above the cap of {self.account.settings.cap} that you set."
        self._tell("HW-642", over, owes)
        short = f"{name} credited {learned.factor:.0%} of what accepted work was worth, over {learned.days} days."
        self._tell("HW-643", learned.is_short, short)

    def _tell(self, code: str, is_so: bool, text: str) -> None:
        if is_so and code not in self._told:
            self._app.warn(Alert(level="warning", code=code, text=text))
        (self._told.add if is_so else self._told.discard)(code)


def days_of(connection: Connection, upstream: str, *, now: int) -> list[DayOfUpstream]:
    """Sum readings by day: what work was worth, and what the upstream credited."""
    found = rows.readings_since(connection, upstream, now - LEARN_DAYS * DAY_MS)
    sums: dict[int, list[int]] = {}
    spans: dict[int, int] = {}
    for before, reading in itertools.pairwise(found):
        if before.credited is None or reading.credited is None:
            continue
        day = sums.setdefault(reading.read_ms // DAY_MS, [0, 0])
        day[0] += reading.expected
        day[1] += max(0, reading.credited - before.credited)
        spans[reading.read_ms // DAY_MS] = spans.get(reading.read_ms // DAY_MS, 0) + reading.read_ms - before.read_ms
    today = now // DAY_MS
    return [
        DayOfUpstream(age_days=today - day, expected=it[0], credited=it[1], hours=spans[day] / HOUR_MS)
        for day, it in sums.items()
    ]


def realisations(connection: Connection, upstreams: Mapping[str, Any], *, now: int) -> dict[str, Realisation]:
    """Return what part of the expected each upstream makes real: for whoever plans."""
    return {name: realisation(days_of(connection, name, now=now)) for name in upstreams}


# ---------------------------------------------------------------- wiring


def currency_of(app: "Hashwright", name: str) -> Currency:
    """Return what an upstream pays in.

    Raises:
        OperatorError: there is no such upstream, or its coin is not set (HW-708).
    """
    destination = app.kernel.pool.destinations.get(name)
    settings = None if destination is None else destination.settings
    if not isinstance(settings, UpstreamSet) or not settings.coin:
        raise OperatorError(
            f"There is no upstream {name!r} whose coin is known.",
            code="HW-708",
            hint="hw pool status lists them; set its coin: hw pool add NAME --upstream URL --coin bitcoin",
        )
    currency: Currency = registry.load("coins", settings.coin).COIN.currency(settings.network)
    return currency


def start(app: "Hashwright", raw: Mapping[str, Any]) -> None:
    """Start, or start anew, the reading of an account."""
    name = str(raw.get("upstream", ""))
    service = AccountService(app, parse_account(raw, currency_of(app, name)))
    app.accounts[name] = service
    app.supervisor.start(f"account {name}", service.run)


def start_all(app: "Hashwright") -> None:
    """Start what is stored; an account that cannot be read is told and left out."""
    for name, raw in app.store.settings(KIND).items():
        try:
            start(app, raw)
        except HashwrightError as error:
            app.warn(Alert(level="warning", code="HW-641", text=f"Account {name} is disabled: {error}"[:500]))


async def accounts_of(app: "Hashwright") -> list[dict[str, Any]]:
    """Return each account with what was expected, credited and paid, and what it owes."""
    now = app.clock.now()
    names: dict[str, Any] = dict(app.accounts)

    def ask(connection: Connection) -> dict[str, tuple[Reading | None, Realisation]]:
        learned = realisations(connection, names, now=now)
        return {name: (rows.last_reading(connection, name), learned[name]) for name in names}

    found = await LiveBooks(app).read(ask)
    return [_account(app.accounts[name], *found[name]) for name in sorted(found)]


def _account(service: AccountService, last: Reading | None, learned: Realisation) -> dict[str, Any]:
    account, currency = service.account, service.account.currency

    def text(minor: int | None) -> str | None:
        return None if minor is None else Amount(minor, currency).text()

    unpaid = None if last is None else last.unpaid
    return {
        "upstream": account.settings.upstream,
        "reader": account.reader.title,
        "seen": account.reader.seen,
        "currency": currency.code,
        "read_ms": None if last is None else last.read_ms,
        "hashrate": None if last is None or last.hashrate is None else str(last.hashrate),
        "expected": text(learned.expected),
        "credited": text(learned.credited),
        "unpaid": text(unpaid),
        "paid": text(None if last is None else last.paid),
        "realisation": round(learned.factor, 4),
        "days": learned.days,
        "exposure": exposure(unpaid or 0, account.cap),
        "cap": account.settings.cap,
        "problem": service.problem,
    }


def commands(app: "Hashwright") -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the commands of accounts for the control socket."""

    async def setup(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        raw = dict(arguments["account"])
        start(app, raw)
        await asyncio.wrap_future(app.writer.put_setting(KIND, str(raw["upstream"]), raw, now=app.clock.now()))
        return {"upstream": raw["upstream"], "reader": raw["reader"]}

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["upstream"])
        if app.accounts.pop(name, None) is None:
            raise OperatorError(f"No account is read at {name!r}.", code="HW-708", hint="hw pool accounts lists them.")
        app.supervisor.stop_service(f"account {name}")
        await asyncio.wrap_future(app.writer.delete_setting(KIND, name))
        return {"upstream": name}

    async def read(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        for service in list(app.accounts.values()):
            await service.tick()
        return await accounts_of(app)

    async def listed(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await accounts_of(app)

    return {"account-set": setup, "account-remove": remove, "account-read": read, "accounts": listed}

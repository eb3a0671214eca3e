"""Tells people what they should know: reads new alerts, watches machines, and sends by what each target wants.

It reads alerts from the database, where they stand durably, so a notice is never about something that was not kept.
Sending may be slow and may fail: it runs on a thread of its own, one at a time, and a failure is a log line and a
state that `hw admin notify ls` shows, never an alert, for that would be told as well.
"""

import asyncio
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import structlog

from hashwright.adapters.secret import read_secret
from hashwright.errors import ConfigError, Finding, HashwrightError, OperatorError
from hashwright.runtime import notices
from hashwright.runtime.notices import Heard, Machines, Notice, Target, Told
from hashwright.signals import Alert
from hashwright.store.base import AlertRecord

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()

KIND: Final = "notify"
TICK_S: Final = 5.0
SEND_S: Final = 60.0
ALERTS_AT_ONCE: Final = 200
TRIES: Final = 3
OF_ALGORITHM: Final = frozenset(("HW-770", "HW-772", "HW-775", "HW-776", "HW-777", "HW-778"))
"""Alerts of the autopilot that begin with the algorithm that they are about."""
MINUTES: Final = 1440


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one person hears, as it is stored. The address is a secret, so only where it is found stands here.

    `quiet` is a span of the local day such as `22:00-07:00`; `muted` and `also` are error codes.
    """

    name: str
    address_from: str
    level: Literal["info", "warning", "critical"] = "warning"
    muted: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    quiet: str = ""
    zone: str = "UTC"
    repeat_minutes: int = 60


@dataclass(slots=True, kw_only=True)
class Post:
    """One target at work: what it wants, what it has heard, and how the last sending went."""

    settings: NotifySettings
    target: Target
    zone: zoneinfo.ZoneInfo
    heard: Heard = field(default_factory=Heard)
    pending: list[tuple[Notice, int]] = field(default_factory=list)
    sent: int = 0
    problem: str = ""


def parse_notify(raw: Mapping[str, Any]) -> Post:
    """Read and check how a person hears.

    Raises:
        ConfigError: it cannot be used, with the reason (HW-762).
    """
    try:
        settings = msgspec.convert(dict(raw), NotifySettings)
        begin, end = _quiet(settings.quiet)
        zone = zoneinfo.ZoneInfo(settings.zone)
        if not settings.name or len(settings.name) > 64 or not settings.name.isprintable():
            raise ValueError("a name has 1 to 64 printable characters")
        if not 1 <= settings.repeat_minutes <= 7 * MINUTES:
            raise ValueError("repeat_minutes is 1 to 10080")
    except (msgspec.ValidationError, ValueError, KeyError, OSError) as error:
        finding = Finding(code="HW-762", place="notify", message=str(error), hint="hw admin notify add --help")
        raise ConfigError(f"This cannot be set: {error}.", code="HW-762", findings=(finding,)) from error
    target = Target(
        name=settings.name,
        level=settings.level,
        muted=frozenset(settings.muted),
        also=frozenset(settings.also),
        quiet_from=begin,
        quiet_to=end,
        repeat_ms=settings.repeat_minutes * 60_000,
    )
    return Post(settings=settings, target=target, zone=zone)


def _quiet(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    try:
        begin, end = (datetime.strptime(part.strip(), "%H:%M") for part in text.split("-"))  # noqa: DTZ007 (a time)
    except ValueError as error:
        raise ValueError(f"{text!r} is no span of the day such as 22:00-07:00") from error
    return begin.hour * 60 + begin.minute, end.hour * 60 + end.minute


class Notifier:
    """Tells all targets of one running program."""

    def __init__(self, app: "Hashwright") -> None:
        self.posts: dict[str, Post] = {}
        self._app = app
        self._machines = Machines()
        self._seen = -1

    async def run(self) -> None:
        """Look and tell, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """Look once, and send what is due."""
        now = self._app.clock.now()
        news = await self._news(now)
        for post in self.posts.values():
            minute = _minute_of_day(now, post.zone)
            made = notices.step(post.target, post.heard, news, now=now, minute=minute)
            post.pending = [*post.pending, *((notice, 0) for notice in made)][-ALERTS_AT_ONCE:]
            await self._send_pending(post)

    async def _news(self, now: int) -> list[Told]:
        """Return alerts that were not seen before; those of before the start are history."""
        rows = await asyncio.to_thread(self._app.store.alerts, ALERTS_AT_ONCE)
        fresh = [row for row in reversed(rows) if row.number > self._seen] if self._seen >= 0 else []
        self._seen = max((row.number for row in rows), default=0)
        names = list(self._app.kernel.pool.destinations)
        return [*(_told(row, names) for row in fresh), *self._watch(now)]

    def _watch(self, now: int) -> list[Told]:
        """Tell of machines that left or came back, and keep it where hw status shows it."""
        sessions = self._app.kernel.pool.sessions.values()
        connected = frozenset(session.worker for session in sessions if session.is_authorized)
        found = notices.watch_machines(self._machines, connected, now=now)
        for told in found:
            self._app.warn(Alert(level="warning" if told.code == "HW-764" else "info", code=told.code, text=told.text))
        return []  # they come back from the database with the next look

    async def _send_pending(self, post: Post) -> None:
        pending, post.pending = post.pending, []
        for notice, tries in pending:
            try:
                await send(post.settings, notice)
                post.sent, post.problem = post.sent + 1, ""
            except HashwrightError as error:
                post.problem = str(error)
                log.warning("a notice was not taken", target=post.settings.name, problem=str(error), code=error.code)
                if tries + 1 < TRIES:
                    post.pending.append((notice, tries + 1))


def _told(row: AlertRecord, names: list[str]) -> Told:
    subject = notices.subject_of(row.text, names)
    if row.code in ("HW-764", "HW-765"):
        is_one = row.text.startswith("Machine ")
        subject = row.text.split(" ")[1] if is_one else "machines"
    if row.code in OF_ALGORITHM:
        subject = row.text.partition(":")[0]
    level = row.level if row.level in ("info", "warning", "critical") else "warning"
    return Told(at_ms=row.at_ms, level=level, code=row.code, text=row.text, subject=subject)  # type: ignore[arg-type]


def _minute_of_day(now: int, zone: zoneinfo.ZoneInfo) -> int:
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
    return local.hour * 60 + local.minute


async def send(settings: NotifySettings, notice: Notice) -> None:
    """Send one notice on a thread.

    Raises:
        HashwrightError: the secret is missing, or the service did not take it in time.
    """
    from hashwright.adapters.notify import by_apprise

    address = read_secret(settings.address_from)
    words = {"title": f"Hashwright: {notice.title}", "body": notice.body, "level": notice.level}
    try:
        async with asyncio.timeout(SEND_S):
            await asyncio.to_thread(by_apprise.send, address, **words)
    except TimeoutError as error:
        raise OperatorError(f"No answer within {SEND_S:g} s.", code="HW-761") from error


# ---------------------------------------------------------------- what a person asks and says


def start_all(app: "Hashwright") -> Notifier:
    """Start telling; a target that cannot be used is told in the log and left out."""
    notifier = Notifier(app)
    for name, raw in app.store.settings(KIND).items():
        try:
            notifier.posts[name] = parse_notify(raw)
        except HashwrightError as error:
            log.error("a target of notices is disabled", target=name, problem=str(error), code=error.code)
    app.supervisor.start("notices", notifier.run)
    return notifier


def commands(app: "Hashwright", notifier: Notifier) -> dict[str, Any]:
    """Return the commands of notices for the control socket."""

    async def add(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from hashwright.adapters.notify import by_apprise

        raw = dict(arguments["notify"])
        post = parse_notify(raw)
        service = await asyncio.to_thread(by_apprise.check, read_secret(post.settings.address_from))
        await asyncio.wrap_future(app.writer.put_setting(KIND, post.settings.name, raw, now=app.clock.now()))
        notifier.posts[post.settings.name] = post
        return {"name": post.settings.name, "service": service}

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["name"])
        post_of(notifier, name)
        await asyncio.wrap_future(app.writer.delete_setting(KIND, name))
        del notifier.posts[name]
        return {"removed": name}

    async def test(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        post = post_of(notifier, str(arguments["name"]))
        await send(post.settings, Notice(title="test", body="This is how an alert reaches you.", level="info"))
        return {"name": post.settings.name, "sent": True}

    async def listed(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return [
            {
                **msgspec.to_builtins(it.settings),
                "sent": it.sent,
                "waiting": len(it.heard.waiting),
                "problem": it.problem,
            }
            for it in notifier.posts.values()
        ]

    return {"notify-set": add, "notify-remove": remove, "notify-test": test, "notify-list": listed}


def post_of(notifier: Notifier, name: str) -> Post:
    """Return a target at work.

    Raises:
        OperatorError: there is none of that name (HW-708).
    """
    post = notifier.posts.get(name)
    if post is None:
        listed = ", ".join(notifier.posts) or "none"
        raise OperatorError(f"Nobody is told by the name {name[:64]!r}.", code="HW-708", hint=f"There are: {listed}.")
    return post

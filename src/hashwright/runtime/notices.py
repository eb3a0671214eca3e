"""Which alert is told to whom, and when. Pure: a state for each target, and a step.

* A target hears alerts of its level and above, less the codes that it does not want.
* **Once**: the same alert is not told again within the time that the target set; how often it came stands in the next.
* **Recovery**: what is over is told only to whom heard of the trouble, and only when it held for a minute: something
  that flaps is told once.
* **Quiet hours**: what is not critical waits and comes as one notice when they are over.
* **Many at once** are one notice: nobody reads forty.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

Level = Literal["info", "warning", "critical", "recovered"]
RANKS: Final[dict[str, int]] = {"info": 0, "warning": 1, "recovered": 1, "critical": 2}
RECOVERS: Final = {
    "HW-407": "HW-414", "HW-441": "HW-440", "HW-646": "HW-645", "HW-765": "HW-764",
    "HW-775": "HW-770", "HW-777": "HW-776", "HW-778": "HW-772",
}  # fmt: skip
"""Which code says that the trouble of another is over."""
HOLD_MS: Final = 60_000
TOGETHER: Final = 5
"""More notices of one round than this are told as one."""
KEPT_MS: Final = 7 * 24 * 3_600_000
WAITING_MAX: Final = 500
LINES_MAX: Final = 20
_CHANGING = re.compile(r"\([0-9a-f]{16,}\)|\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert, as it happened. `subject` is the destination or machine it is about, where that is known."""

    at_ms: int
    level: Level
    code: str
    text: str
    subject: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes two alerts the same: the code, and the subject or the text without its numbers."""
        return (self.code, self.subject or _CHANGING.sub("#", self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A person's way to hear. Quiet hours are minutes of his local day; equal ends mean none."""

    name: str
    level: Level = "warning"
    muted: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    quiet_from: int = 0
    quiet_to: int = 0
    repeat_ms: int = 3_600_000

    def is_quiet(self, minute: int) -> bool:
        """Tell whether a minute of the day is in the quiet hours, which may cross midnight."""
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= minute < self.quiet_to
        return minute >= self.quiet_from or minute < self.quiet_to

    def wants(self, told: Told) -> bool:
        """Tell whether the target hears of it; news of an end are judged by what began."""
        code = RECOVERS.get(told.code, told.code)
        if code in self.muted:
            return False
        return code in self.also or told.code in RECOVERS or RANKS[told.level] >= RANKS[self.level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is sent."""

    title: str
    body: str
    level: Level


@dataclass(slots=True, kw_only=True)
class Heard:
    """What a target has heard: when each alert was last told, how often it came since, and what waits."""

    last: dict[tuple[str, str], int] = field(default_factory=dict)
    unheard: dict[tuple[str, str], int] = field(default_factory=dict)
    ending: dict[tuple[str, str], Told] = field(default_factory=dict)
    waiting: list[Told] = field(default_factory=list)


def step(target: Target, heard: Heard, news: Iterable[Told], *, now: int, minute: int) -> tuple[Notice, ...]:
    """Take what happened, change what the target has heard, and return what is to be sent now.

    Args:
        target: whom to tell.
        heard: what he has heard; it is changed.
        news: alerts since the last step, oldest first.
        now: the time [ms since 1970 UTC].
        minute: the minute of the target's local day.
    """
    due: list[Told] = []
    for told in news:
        if target.wants(told):
            _sort(target, heard, told, due, now=now)
    due += _ended(heard, now=now)
    for key in [key for key, at in heard.last.items() if now - at > KEPT_MS]:
        heard.last.pop(key)
        heard.unheard.pop(key, None)
    if target.is_quiet(minute):
        heard.waiting = [*heard.waiting, *(it for it in due if it.level != "critical")][-WAITING_MAX:]
        due = [it for it in due if it.level == "critical"]
    elif heard.waiting:
        due, heard.waiting = [*heard.waiting, *due], []
    return _notices(due, heard)


def _sort(target: Target, heard: Heard, told: Told, due: list[Told], *, now: int) -> None:
    if told.code in RECOVERS:
        began = _began(heard, told)
        if began is not None:
            heard.ending[began] = told
        return
    heard.ending.pop(told.key, None)  # it is back before anybody was told that it was over
    last = heard.last.get(told.key)
    if last is not None and now - last < target.repeat_ms:
        heard.unheard[told.key] = heard.unheard.get(told.key, 0) + 1
        return
    heard.last[told.key] = now
    due.append(told)


def _began(heard: Heard, told: Told) -> tuple[str, str] | None:
    """Find the trouble that is over, among what the target has heard."""
    code = RECOVERS[told.code]
    if told.subject:
        key = (code, told.subject)
        return key if key in heard.last else None
    return next((key for key in heard.last if key[0] == code), None)


def _ended(heard: Heard, *, now: int) -> list[Told]:
    over = [(key, told) for key, told in heard.ending.items() if now - told.at_ms >= HOLD_MS]
    for key, _ in over:
        del heard.ending[key]
        heard.last.pop(key, None)
        heard.unheard.pop(key, None)
    return [Told(at_ms=it.at_ms, level="recovered", code=it.code, text=it.text, subject=it.subject) for _, it in over]


def _notices(due: list[Told], heard: Heard) -> tuple[Notice, ...]:
    if len(due) <= TOGETHER:
        return tuple(Notice(title=_title(it), body=it.text + _again(heard, it), level=it.level) for it in due)
    worst = max(due, key=lambda it: RANKS[it.level])
    lines = [f"{it.code} {it.text}" for it in due[-LINES_MAX:]]
    more = [f"and {len(due) - LINES_MAX} more"] if len(due) > LINES_MAX else []
    return (
        Notice(title=f"{len(due)} alerts, worst: {worst.level}", body="\n".join([*lines, *more]), level=worst.level),
    )


def _title(told: Told) -> str:
    return f"{'Over' if told.level == 'recovered' else told.level.capitalize()}: {told.code} {told.subject}".rstrip()


def _again(heard: Heard, told: Told) -> str:
    count = heard.unheard.pop(told.key, 0)
    return f" ({count} more of these since the last notice)" if count else ""


def subject_of(text: str, names: Iterable[str]) -> str:
    """Return the first destination that a text names, or nothing."""
    words = set(re.findall(r"[\w.:-]+", text))
    return next((name for name in names if name in words or f"{name}:" in words or f"{name}." in words), "")


# ---------------------------------------------------------------- machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A machine that is gone: since when, and whether that was told."""

    since_ms: int
    is_told: bool = False


@dataclass(slots=True, kw_only=True)
class Machines:
    """Who was here and is not."""

    here: frozenset[str] = frozenset()
    away: dict[str, Away] = field(default_factory=dict)


OFFLINE_MS: Final = 5 * 60_000
FORGET_MS: Final = 24 * 3_600_000


def watch_machines(state: Machines, connected: frozenset[str], *, now: int) -> tuple[Told, ...]:
    """Compare who is connected with who was, and tell of who is gone for five minutes, and of who is back."""
    for name in state.here - connected:
        state.away[name] = Away(since_ms=now)
    state.here = connected
    back = [name for name in state.away if name in connected]
    told_back = sorted(name for name in back if state.away.pop(name).is_told)
    late = sorted(name for name, it in state.away.items() if not it.is_told and now - it.since_ms >= OFFLINE_MS)
    for name in late:
        state.away[name] = Away(since_ms=state.away[name].since_ms, is_told=True)
    for name in [name for name, it in state.away.items() if now - it.since_ms > FORGET_MS]:
        del state.away[name]
    return (*_machines_told(late, "HW-764", "is gone", now), *_machines_told(told_back, "HW-765", "is back", now))


def _machines_told(names: list[str], code: str, words: str, now: int) -> tuple[Told, ...]:
    level: Level = "warning" if code == "HW-764" else "info"
    if len(names) <= TOGETHER:
        return tuple(
            Told(at_ms=now, level=level, code=code, text=f"Machine {name} {words}.", subject=name) for name in names
        )
    listed = ", ".join(names[:LINES_MAX]) + (f" and {len(names) - LINES_MAX} more" if len(names) > LINES_MAX else "")
    text = f"{len(names)} machines: each {words}: {listed}."
    return (Told(at_ms=now, level=level, code=code, text=text, subject="machines"),)

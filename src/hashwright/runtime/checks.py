"""One check's outcome: what `hw pool add` and `hw doctor` show with a tick or a cross."""

from typing import Literal

import msgspec

from hashwright.errors import Finding

CheckState = Literal["ok", "failed", "warning", "skipped"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check's outcome. `code` and `fix` are empty unless it failed or warns."""

    state: CheckState
    title: str
    code: str = ""
    fix: str = ""


def ok(title: str) -> Check:
    """Return a check that passed."""
    return Check(state="ok", title=title)


def failed(title: str, code: str, fix: str) -> Check:
    """Return a check that did not pass, and what to do about it."""
    return Check(state="failed", title=title.rstrip("."), code=code, fix=fix)


def titled(finding: Finding) -> str:
    """Name the setting, unless the message does."""
    return finding.message if finding.place in ("coin", "address") else f"{finding.place}: {finding.message}"


def shortened(text: str) -> str:
    """Leave out the middle of a long text."""
    return text if len(text) <= 24 else f"{text[:16]}...{text[-6:]}"

"""Tell a person by Apprise: Telegram, Discord, ntfy, e-mail, webhooks and a hundred others, each by one address.

The library is loaded when the first notice is sent, and blocks while it sends: call `send` on a thread. The address
holds a token, so it is a secret: it is read when it is needed and never shown; errors name only its service.
"""

import logging
import warnings
from typing import Any, Final

from hashwright.errors import OperatorError, Unavailable

TITLE_MAX: Final = 120
BODY_MAX: Final = 3_000
LEVELS: Final = {"info": "info", "warning": "warning", "critical": "failure", "recovered": "success"}


def check(address: str) -> str:
    """Return the name of the service behind an address.

    Raises:
        OperatorError: Apprise knows no such address (HW-762).
    """
    known = _library().Apprise.instantiate(address, suppress_exceptions=True)
    if known is None:
        raise OperatorError(
            f"Apprise knows no address of that form ({address.partition(':')[0][:20]}:). Nothing was saved.",
            code="HW-762",
            hint="Such as ntfys://ntfy.example.org/topic, tgram://token/chat or json://127.0.0.1:8000/hook.",
        )
    return str(known.service_name)


def send(address: str, *, title: str, body: str, level: str) -> None:
    """Send one notice; returns when the service took it.

    Raises:
        OperatorError: the address is of no known form (HW-762).
        Unavailable: the service did not take it (HW-761); it may be tried again.
    """
    service = check(address)
    teller = _library().Apprise()
    teller.add(address)
    took = teller.notify(
        title=title[:TITLE_MAX], body=body[:BODY_MAX], notify_type=LEVELS.get(level, "info"), body_format="text"
    )
    if not took:
        raise Unavailable(f"{service} did not take the notice.", code="HW-761", hint="Check its address and network.")


def _library() -> Any:  # noqa: ANN401 (a library that loads late)
    """Load Apprise. Its log lines may hold the token, and a module that it loads is deprecated."""
    warnings.filterwarnings("ignore", message="'imghdr' is deprecated", category=DeprecationWarning)
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return apprise

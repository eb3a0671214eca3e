"""Structured logs on standard error: text on a terminal, one JSON object a line otherwise.

Every text in a log line may come from a machine or a node. Control, direction and other unseen characters are written
as escapes, so that nobody can forge a line or move the cursor of the person who reads.
"""

import logging
import sys
import unicodedata
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_MANY_LINES = ("exception", "stack")
"""Written by us, of many lines: their line ends stay."""


def configure(*, level: str, log_format: str, stream: TextIO | None = None, colors: bool | None = None) -> bool:
    """Set up all logs of this process; return whether they are text.

    Args:
        level: the least important level that is written.
        log_format: `text`, `json`, or `auto`: text when the stream is a terminal.
        stream: standard error unless given.
        colors: whether text is coloured; unless given, when the stream is a terminal.
    """
    stream = stream or sys.stderr
    is_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            escape_event,
            _renderer(is_text=is_text, colors=stream.isatty() if colors is None else colors),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=max(LEVELS[level], logging.WARNING), force=True)
    return is_text


def escape_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape every text of a log event (a structlog processor)."""
    for key, value in event.items():
        event[key] = _escaped(value, keep_lines=key in _MANY_LINES)
    return event


def escape(text: str, *, keep_lines: bool = False) -> str:
    """Write unseen characters of a text as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if (keep_lines and character == "\n") or unicodedata.category(character) not in _HIDDEN_CATEGORIES
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )


def _escaped(value: object, *, keep_lines: bool) -> object:
    if isinstance(value, str):
        return escape(value, keep_lines=keep_lines)
    if isinstance(value, list | tuple):
        return [_escaped(item, keep_lines=False) for item in value]
    return value


def _renderer(*, is_text: bool, colors: bool) -> Any:  # noqa: ANN401 (one of two unrelated classes)
    if is_text:
        return structlog.dev.ConsoleRenderer(
            colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(default=str)


class _Forward(logging.Handler):
    """Takes the log lines of libraries (asyncio, alembic) into ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)

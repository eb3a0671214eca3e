"""Settings that are needed before the database can be opened, and where each one comes from.

One owner for each fact (design.md): the database owns what a person changes on screen; this small TOML file owns the
data folder, the listeners and the log; `HW_*` variables override the file, flags override both. Every problem is
reported at once, each with its place. `SETTINGS` is the one table that the loader, `hw admin config show --origin` and
the reference page are made from.
"""

import dataclasses
import ipaddress
import os
import tomllib
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from hashwright.errors import ConfigError, Finding, reason_of

APP = "hw"
ALGORITHM_PORTS = {"sha256d": 3333, "scrypt": 3335, "randomx": 3337}
LOOPBACK = "127.0.0.1"
WEB_PORT = 8080
TLS_SUFFIX = "+tls"
THREADS_MAX = 256


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """Where machines of one algorithm connect, and whether by TLS."""

    algorithm: str
    host: str
    port: int
    is_tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.algorithm}{TLS_SUFFIX if self.is_tls else ''}={host}:{self.port}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebAddress:
    """Where pages are served."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: its key in the file, how its text is read, its default, and what it is for."""

    key: str
    read: Callable[[Any], Any]
    default: Callable[[], Any]
    default_text: str
    title: str

    @property
    def variable(self) -> str:
        """Return the environment variable that overrides the file."""
        return "HW_" + self.key.upper()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings in force, and the origin of each by key."""

    data_dir: Path
    listen: tuple[ListenAddress, ...]
    log_level: str
    log_format: str
    origins: Mapping[str, str]
    tls_certificate: str = ""
    tls_key: str = ""
    postgres_url_from: str = ""
    rented_proof_from: str = ""
    randomx_mode: str = "light"
    randomx_threads: int = 0
    fail_safe: str = "no"
    web_start: str = "no"
    web_listen: WebAddress = WebAddress(host=LOOPBACK, port=WEB_PORT)
    web_url: str = ""
    web_certificate: str = ""
    web_key: str = ""
    web_proxy: tuple[str, ...] = ()


def read_path(value: object) -> Path:
    """Read an absolute folder; `~` is the home folder."""
    if not isinstance(value, str) or not value:
        raise ValueError("is not the name of a folder")
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ValueError(f"{value!r} is not an absolute path")
    return path


def read_file(value: object) -> str:
    """Read the absolute path of a file; `~` is the home folder. The file itself is read when it is needed."""
    if not isinstance(value, str) or not value:
        raise ValueError("is not the name of a file")
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ValueError(f"{value!r} is not an absolute path")
    return str(path)


def read_reference(value: object) -> str:
    """Read where a secret is found. The secret itself is read when it is needed, and kept nowhere."""
    kind, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind not in ("file", "env", "credential") or not name:
        raise ValueError("is not file:PATH, env:NAME or credential:NAME; the address itself does not stand here")
    return f"{kind}:{name}"


def read_listen(value: object) -> tuple[ListenAddress, ...]:
    """Read listeners: a list, or one text with commas, of `algorithm=host:port` or `algorithm+tls=host:port`."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items:
        raise ValueError('is not a list such as ["sha256d=127.0.0.1:3333"]')
    return tuple(read_listen_address(item) for item in items)


def read_listen_address(value: object) -> ListenAddress:
    """Read one `algorithm=host:port`, with `+tls` behind the algorithm or not."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text such as sha256d=127.0.0.1:3333")
    scheme, _, address = value.strip().partition("=")
    algorithm = scheme.removesuffix(TLS_SUFFIX)
    host, _, port = address.rpartition(":")
    if algorithm not in ALGORITHM_PORTS:
        known = ", ".join(ALGORITHM_PORTS)
        raise ValueError(f"{value!r} begins with no known algorithm: {known}, with {TLS_SUFFIX} behind it or not")
    if not host or not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"{value!r} has no host:port behind the =, such as sha256d=127.0.0.1:3333")
    return ListenAddress(algorithm=algorithm, host=host.strip("[]"), port=int(port), is_tls=scheme != algorithm)


def read_threads(value: object) -> int:
    """Read a number of threads; 0 lets the program choose."""
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and int(text) <= THREADS_MAX):
        raise ValueError(f"{value!r} is no number of threads from 0 to {THREADS_MAX}")
    return int(text)


def read_web_listen(value: object) -> WebAddress:
    """Read `host:port`."""
    host, _, port = value.strip().rpartition(":") if isinstance(value, str) else ("", "", "")
    if not host or not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"{value!r} is not host:port, such as 127.0.0.1:{WEB_PORT}")
    return WebAddress(host=host.strip("[]"), port=int(port))


def read_web_url(value: object) -> str:
    """Read the address that people type, without a path."""
    parts = urllib.parse.urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{value!r} is not an address such as https://mine.example.org")
    return str(value).rstrip("/")


def read_proxies(value: object) -> tuple[str, ...]:
    """Read the IP addresses of proxies: a list, or one text with commas."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items:
        raise ValueError('is not a list such as ["127.0.0.1"]')
    return tuple(str(ipaddress.ip_address(str(item).strip())) for item in items)


def one_of(*choices: str) -> Callable[[Any], str]:
    """Return a reader that takes only these words."""

    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


SETTINGS = (
    Setting(
        key="data_dir",
        read=read_path,
        default=lambda: Path(platformdirs.user_data_dir(APP)),
        default_text="~/.local/share/hw",
        title="Folder of the database, the journal and the control socket. A local disk, not a network drive.",
    ),
    Setting(
        key="listen",
        read=read_listen,
        default=lambda: tuple(
            ListenAddress(algorithm=name, host=LOOPBACK, port=port) for name, port in ALGORITHM_PORTS.items()
        ),
        default_text=", ".join(f"{name}={LOOPBACK}:{port}" for name, port in ALGORITHM_PORTS.items()),
        title="Where machines connect, as algorithm=host:port; algorithm+tls=host:port for TLS. Loopback until you say"
        " otherwise.",
    ),
    Setting(
        key="tls_certificate",
        read=read_file,
        default=str,
        default_text="not set",
        title="PEM file of the certificate, and its chain, that machines are shown. A listener with +tls needs it.",
    ),
    Setting(
        key="tls_key",
        read=read_file,
        default=str,
        default_text="not set",
        title="PEM file of the certificate's key, without a password.",
    ),
    Setting(
        key="postgres_url_from",
        read=read_reference,
        default=str,
        default_text="not set: SQLite in the data folder",
        title="Where the address of a PostgreSQL database is found: file:PATH, env:NAME or credential:NAME."
        " The data folder remembers it.",
    ),
    Setting(
        key="rented_proof_from",
        read=read_reference,
        default=str,
        default_text="not set: a market's connection is known by its name",
        title="Where KEY:SECRET is found that you agreed with NiceHash: file:PATH, env:NAME or credential:NAME."
        " Then only connections that prove it are treated as its own.",
    ),
    Setting(
        key="randomx_mode",
        read=one_of("light", "full"),
        default=lambda: "light",
        default_text="light",
        title="How RandomX shares are checked: `light` takes 256 MiB and 40 ms a share, `full` 2.3 GiB and 7 ms;"
        " and twice the memory while the key changes.",
    ),
    Setting(
        key="randomx_threads",
        read=read_threads,
        default=lambda: 0,
        default_text="0: one less than there are cores",
        title="Threads that check RandomX shares.",
    ),
    Setting(
        key="log_level",
        read=one_of("debug", "info", "warning", "error"),
        default=lambda: "info",
        default_text="info",
        title="The least important log lines that are written.",
    ),
    Setting(
        key="log_format",
        read=one_of("auto", "text", "json"),
        default=lambda: "auto",
        default_text="auto",
        title="`text` for people, `json` for machines, `auto`: text on a terminal.",
    ),
    Setting(
        key="fail_safe",
        read=one_of("yes", "no"),
        default=lambda: "no",
        default_text="no",
        title="Whether an orderly end puts the machines to sleep whose own `fail_safe` is `sleep`.",
    ),
    Setting(
        key="web_start",
        read=one_of("yes", "no"),
        default=lambda: "no",
        default_text="no",
        title="Whether `hw up` also starts the web, as a process of its own.",
    ),
    Setting(
        key="web_listen",
        read=read_web_listen,
        default=lambda: WebAddress(host=LOOPBACK, port=WEB_PORT),
        default_text=f"{LOOPBACK}:{WEB_PORT}",
        title="Where pages are served, as host:port. Loopback until you say otherwise.",
    ),
    Setting(
        key="web_url",
        read=read_web_url,
        default=str,
        default_text="not set: where it listens",
        title="The address that people type, such as https://mine.example.org behind a proxy.",
    ),
    Setting(
        key="web_certificate",
        read=read_file,
        default=str,
        default_text="not set: no TLS",
        title="PEM file of the certificate, and its chain, for pages.",
    ),
    Setting(
        key="web_key",
        read=read_file,
        default=str,
        default_text="not set",
        title="PEM file of that certificate's key, without a password.",
    ),
    Setting(
        key="web_proxy",
        read=read_proxies,
        default=tuple,
        default_text="not set: no proxy is believed",
        title="IP addresses of proxies whose word on a visitor's address and on https is believed.",
    ),
)


def settings_text(config: Config) -> dict[str, str]:
    """Return the settings in force as the variables by which another process finds the same."""
    found = {}
    for setting in SETTINGS:
        value = getattr(config, setting.key)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        if text:
            found[setting.variable] = text
    return found


def default_file() -> Path:
    """Return where the file is looked for when none is named."""
    return Path(platformdirs.user_config_dir(APP)) / "hw.toml"


def load_config(
    *, file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Config:
    """Read the settings: default, then file, then environment, then flags.

    Raises:
        ConfigError: with one finding for every problem.
    """
    environ = os.environ if environ is None else environ
    named = file or (Path(environ["HW_CONFIG"]) if environ.get("HW_CONFIG") else None)
    findings: list[Finding] = []
    table, place = _read_file(named, findings)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS:
        raw, origin = _choose(setting, table, place, environ, flags or {})
        origins[setting.key] = origin
        try:
            values[setting.key] = setting.default() if raw is None else setting.read(raw)
        except ValueError as error:
            findings.append(_finding(f"{origin}, {setting.key}", f"{error}.", setting.title))
    findings.extend(_missing_tls(values, origins))
    if findings:
        raise ConfigError(
            f"{len(findings)} setting{'s are' if len(findings) > 1 else ' is'} not usable.",
            code="HW-701",
            hint=f"Correct {'them' if len(findings) > 1 else 'it'}, then start again. Nothing was changed.",
            findings=tuple(findings),
        )
    return Config(origins=origins, **values)


def _missing_tls(values: Mapping[str, Any], origins: Mapping[str, str]) -> list[Finding]:
    """Find what a TLS listener needs and has not. Whether the files are good is seen when they are opened."""
    if not any(address.is_tls for address in values.get("listen", ())):
        return []
    hint = "Name the PEM file by its absolute path, or take +tls away from the listener."
    return [
        _finding(f"{origins[key]}, {key}", "is not set, but a listener has +tls.", hint)
        for key in ("tls_certificate", "tls_key")
        if values.get(key) == ""
    ]


def _choose(
    setting: Setting, table: Mapping[str, Any], place: str, environ: Mapping[str, str], flags: Mapping[str, Any]
) -> tuple[Any, str]:
    if flags.get(setting.key) is not None:
        return flags[setting.key], "flag --" + setting.key.replace("_", "-")
    if environ.get(setting.variable):
        return environ[setting.variable], f"environment {setting.variable}"
    if setting.key in table:
        return table[setting.key], place
    return None, "default"


def _read_file(named: Path | None, findings: list[Finding]) -> tuple[dict[str, Any], str]:
    path = named or default_file()
    if named is None and not path.exists():
        return {}, ""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = f"The file cannot be read: {reason_of(error)}."
        findings.append(_finding(str(path), problem, "It is TOML; see docs/reference."))
        return {}, str(path)
    known = {setting.key for setting in SETTINGS}
    for key in sorted(set(table) - known):
        hint = f"Known are: {', '.join(sorted(known))}."
        findings.append(_finding(f"{path}, {key}", "There is no such setting.", hint))
    return table, str(path)


def _finding(place: str, message: str, hint: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint=hint)

"""Where secrets come from: a file, the environment, or a systemd credential; never the database and never a log."""

import os
from collections.abc import Mapping
from pathlib import Path

from hashwright.errors import ConfigError


def read_secret(reference: str, *, environ: Mapping[str, str] | None = None) -> str:
    """Return the secret that a reference names.

    Args:
        reference: `file:/path`, `env:NAME` or `credential:NAME` (systemd's LoadCredential).

    Raises:
        ConfigError: the reference is of another form, or there is no such secret.
    """
    environ = os.environ if environ is None else environ
    kind, _, name = reference.partition(":")
    try:
        if kind == "file":
            return Path(name).expanduser().read_text(encoding="utf-8").strip()
        if kind == "credential":
            folder = environ.get("CREDENTIALS_DIRECTORY", "")
            return (Path(folder) / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"The secret {reference} cannot be read: {error.strerror}.",
            code="HW-702",
            hint="Check the path and its permissions (0600, owned by the user that runs Hashwright).",
        ) from error
    if kind == "env" and environ.get(name):
        return environ[name]
    raise ConfigError(
        f"There is no secret {reference}.",
        code="HW-702",
        hint="Name it as file:/path/to/file, env:VARIABLE or credential:NAME.",
    )

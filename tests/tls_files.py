"""Certificates for tests, made when they are needed by the openssl command."""

import functools
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory(prefix="hw-test-tls-")  # gone with the process


def openssl(*arguments):
    program = shutil.which("openssl")
    assert program is not None, "the openssl command is needed"
    subprocess.run([program, *arguments], check=True, capture_output=True, timeout=60)


def certificate(name="farm"):
    """A self-signed certificate for 127.0.0.1 and its key: the paths of both PEM files, the same ones each time."""
    return _made(name)


@functools.cache
def _made(name):
    place = Path(FOLDER.name)
    paths = str(place / f"{name}.pem"), str(place / f"{name}.key")
    made = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
    openssl(*made.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1])
    return paths


def client_context(name="farm"):
    """What a machine has that trusts this certificate and no other."""
    return ssl.create_default_context(cafile=certificate(name)[0])

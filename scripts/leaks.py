"""Refuse files that name a package registry, a folder of somebody's machine, or a private key.

It reads what git tracks and what it would add. A registry address in a lock file sends every user to one server; a
machine's path works nowhere else; a private key in a repository is nobody's any more.
"""

import hashlib
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

REGISTRY = re.compile(
    r"\b(?:(?:test\.)?pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|crates\.io|"
    r"(?:deb|ftp|security|snapshot)\.(?:[a-z]+\.)?debian\.org|proxy\.golang\.org|ghcr\.io|docker\.io|conda\.anaconda\.org)\b"
    r"|--(?:extra-)?index-url[ =]|--find-links[ =]|--trusted-host[ =]"
)
MACHINE_PATH = re.compile(
    r"(?<!\w\")(?<![\w.}*/)])(?:/home/\w+|/Users/\w+|/root|/work|/opt/\w+|file:///\w+)(?=/)|\b[A-Z]:\\Users\\"
)
KEY = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\b[xyzt]prv[1-9A-HJ-NP-Za-km-z]{100,}"
)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE58_WORD = re.compile(rf"\b[{BASE58}]{{51,52}}\b")
WALLET_KEY_VERSIONS = {0x80, 0xB0, 0xEF}
"""First byte of a private key in wallet import format: Bitcoin, Litecoin, test networks."""


def is_wallet_key(word: str) -> bool:
    """Say whether a word is a private key in wallet import format, by its length, version and checksum."""
    number = 0
    for letter in word:
        number = number * 58 + BASE58.index(letter)
    if number.bit_length() > 38 * 8:
        return False
    raw = number.to_bytes(38, "big").lstrip(b"\0")
    payload, checksum = raw[:-4], raw[-4:]
    digest = hashlib.sha256(hashlib.sha256(payload).digest()).digest()
    return len(payload) in (33, 34) and payload[0] in WALLET_KEY_VERSIONS and digest[:4] == checksum


def leaks_in(line: str) -> Iterator[str]:
    """Name the kinds of leak in a line, without repeating a secret."""
    if match := REGISTRY.search(line):
        yield f"names a package registry or its option ({match[0]})"
    if match := MACHINE_PATH.search(line):
        yield f"names a folder of one machine ({match[0]})"
    if KEY.search(line) or any(is_wallet_key(word) for word in BASE58_WORD.findall(line)):
        yield "holds a private key"


def problems(path: str, text: str) -> list[str]:
    return [f"{path}:{number}: {leak}" for number, line in enumerate(text.splitlines(), 1) for leak in leaks_in(line)]


def repository_files() -> list[pathlib.Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := pathlib.Path(name)).is_file()]


def main() -> int:
    found = []
    for path in repository_files():
        data = path.read_bytes()
        if b"\0" not in data:
            found += problems(path.as_posix(), data.decode(errors="replace"))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

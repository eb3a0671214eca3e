"""Passwords, one-time codes and random words. What is stored is a hash; the word itself is shown once.

Passwords are hashed by argon2id with RFC 9106's second recommended setting (64 MiB, 3 passes): slow and large for who
guesses. Keys, links and sessions are 256 random bits, so a plain SHA-256 of them is enough: nobody guesses those.
"""

import hashlib
import hmac
import secrets
import threading
from typing import Final

import argon2
import pyotp

from hashwright.errors import OperatorError

PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 256
TOTP_STEP_S: Final = 30
TOTP_WINDOW: Final = 1
"""Codes of the step before and after count too: clocks differ."""
HASHES_AT_ONCE: Final = 2
"""Each takes 64 MiB and 50 ms of a core: more at once would let a stranger fill the memory."""
COMMON: Final = frozenset({"password12", "hashwright", "1234567890", "0123456789", "qwertyuiop", "letmein123"})

_hasher = argon2.PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
_turns = threading.BoundedSemaphore(HASHES_AT_ONCE)
_nobody = ""


def random_word(prefix: str) -> str:
    """Return a new secret of 256 bits, with a prefix that says what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest_of(word: str) -> bytes:
    """Return what is stored of a random word."""
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()


def is_same(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def check_password(password: str, *, name: str) -> None:
    """Refuse a password that is guessed first.

    Raises:
        OperatorError: it is too short, too long, or the name (HW-755).
    """
    plain = password.casefold()
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        problem = f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters; this one has {len(password)}"
    elif plain == name.casefold() or plain in COMMON or len(set(plain)) < 4:
        problem = "This password is among the first that anybody would try"
    else:
        return
    raise OperatorError(f"{problem}. Nothing was saved.", code="HW-755", hint="Four random words make a good one.")


def hash_password(password: str) -> str:
    """Return what is stored of a password. Slow on purpose: call it on a thread."""
    with _turns:
        return _hasher.hash(password)


def is_password(stored: str, password: str) -> bool:
    """Compare a password with what is stored; with nothing stored, take the same time and say no. Slow on purpose."""
    with _turns:
        try:
            return bool(_hasher.verify(stored or _hash_of_nobody(), password)) and bool(stored)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def _hash_of_nobody() -> str:
    global _nobody  # made once, when it is first needed: it costs 50 ms
    if not _nobody:
        _nobody = _hasher.hash(secrets.token_urlsafe(32))
    return _nobody


def new_totp() -> str:
    """Return a new secret for one-time codes [base32]."""
    return pyotp.random_base32()


def totp_address(secret: str, *, name: str, instance: str) -> str:
    """Return the address that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"Hashwright {instance}")


def totp_step(secret: str, code: str, *, now_ms: int, after: int) -> int | None:
    """Return the step of a valid code that was not used before (`after` is the last used one), or None."""
    if not (code.isascii() and code.isdecimal() and len(code) == 6):
        return None
    here = now_ms // 1000 // TOTP_STEP_S
    for step in range(here - TOTP_WINDOW, here + TOTP_WINDOW + 1):
        if step > after and is_same(pyotp.TOTP(secret).at(step * TOTP_STEP_S), code):
            return step
    return None

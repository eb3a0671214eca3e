"""Passwords are slow on purpose; here they are quick, and one test looks at the real setting."""

import argon2
import pytest

from hashwright.web import passwords

REAL = passwords._hasher


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr(passwords, "_nobody", "")


@pytest.fixture
def real_hasher():
    return REAL

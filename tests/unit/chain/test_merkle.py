"""Merkle roots and branches, with the small trees written out."""

import pytest

from hashwright.chain.merkle import merkle_branch, merkle_root, root_from_branch
from hashwright.chain.proof import sha256d

A, B, C, D, E = (bytes((letter,)) * 32 for letter in b"abcde")


def test_one_transaction_is_its_own_root():
    assert merkle_root([A]) == A
    assert merkle_branch([]) == ()
    assert root_from_branch(A, ()) == A


def test_two():
    assert merkle_root([A, B]) == sha256d(A + B)
    assert merkle_branch([B]) == (B,)


def test_the_odd_one_is_doubled():
    assert merkle_root([A, B, C]) == sha256d(sha256d(A + B) + sha256d(C + C))
    assert merkle_branch([B, C]) == (B, sha256d(C + C))


def test_five_are_doubled_on_two_levels():
    right = sha256d(sha256d(E + E) + sha256d(E + E))
    left = sha256d(sha256d(A + B) + sha256d(C + D))
    assert merkle_root([A, B, C, D, E]) == sha256d(left + right)
    assert merkle_branch([B, C, D, E]) == (B, sha256d(C + D), right)


def test_a_block_without_transactions_has_no_root():
    with pytest.raises(ValueError, match="at least a coinbase"):
        merkle_root([])

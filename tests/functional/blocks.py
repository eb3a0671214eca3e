"""Builds and mines blocks on real templates with the chain room's own code, whole or broken on purpose."""

from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.header import Header, header_bytes
from hashwright.chain.merkle import root_from_branch
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.chain.target import target_of_bits
from hashwright.chain.template import assemble_block

EXTRANONCE_SIZE = 12
NONCES = 100_000


def mine_block(template, coin, *, script=b"\x51", tag=b"/Hashwright/", has_work=True, **changes):
    """Return a block on a template.

    Args:
        script: who is paid.
        has_work: whether the hash shall meet the target; False makes one that does not.
        changes: `height`, `value` or `commitment` of the coinbase, or fields of the header, that are to be others.
    """
    parts = build_coinbase(
        changes.pop("height", template.height),
        ((changes.pop("value", template.coinbase_value), script),),
        tag=tag,
        extranonce_size=EXTRANONCE_SIZE,
        witness_commitment=changes.pop("commitment", template.witness_commitment),
    )
    coinbase = parts.prefix + bytes(EXTRANONCE_SIZE) + parts.suffix
    fields = {
        "version": template.version,
        "prevhash_le": template.prevhash_le,
        "merkle_root_le": root_from_branch(sha256d(coinbase), template.branch),
        "ntime": template.curtime,
        "nbits": template.nbits,
    } | changes
    return assemble_block(template, _header_with_work(fields, coin, has_work), coinbase)


def hash_of(block):
    """Return a block's hash as RPC writes it."""
    return sha256d(block[:80])[::-1].hex()


def _header_with_work(fields, coin, has_work):
    hash_header = ALGORITHMS[coin.algorithm].hash
    target = target_of_bits(fields["nbits"])
    for nonce in range(NONCES):
        header = header_bytes(Header(**fields, nonce=nonce))
        if (int.from_bytes(hash_header(header), "little") <= target) == has_work:
            return header
    raise AssertionError("no nonce found")

"""A small Monero pool for unit tests: a template of the right form, and a hash of Keccak in RandomX's place.

The engine is given hashes and never computes one, so a quick function shows all that a slow one would.
"""

from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.pool import judge
from hashwright.pool.effects import AnswerShare
from hashwright.pool.events import (
    BlobTemplate,
    DestinationSet,
    LoginAsked,
    ProcessStarted,
    SessionOpened,
    ShareHashed,
    TemplateSeen,
)
from hashwright.pool.records import PoolState
from hashwright.pool.step import step
from hashwright.pool.work import ROOM_BYTES, Rolled

NOW = 1_800_000_000_000
HEAD = bytes([16, 16]) + b"\x80\x90\xa0\xb0\x06"
REWARD = 600_000_000_000


def destination(**changes):
    values = {
        "destination": "xmr",
        "coin": "monero",
        "network": "regtest",
        "algorithm": "randomx",
        "payout_script": b"\x12" + bytes(64),
        "coinbase_tag": b"/Hashwright/",
        "start_difficulty": 4.0,
        "minimum_difficulty": 1.0,
        "shares_per_minute": 6.0,
        "is_practice": False,
    }
    return DestinationSet(**{**values, **changes})


def template(number=1, *, difficulty=2**40, room=ROOM_BYTES, seed=b"\x01" * 32, branch=(), **changes):
    previous = bytes([number]) * 32
    values = {
        "destination": "xmr",
        "template": number,
        "height": 100 + number,
        "version": 16,
        "prevhash_le": previous,
        "nbits": 0,
        "curtime": 1_800_000_000,
        "mintime": 1_800_000_000,
        "coinbase_value": REWARD,
        "witness_commitment": b"",
        "branch": branch,
        "blob": BlobTemplate(
            HEAD + previous, b"miner", room, b"tail", 1 + len(branch),
            ((2**256 - 1) // difficulty).to_bytes(32, "big"), seed, b"", 0,
        ),
    }  # fmt: skip
    return TemplateSeen(**{**values, **changes})


class BlobWorld:
    """A pool state with its clock, and every effect that came out."""

    def __init__(self, *, difficulty=2**40, settings=None, has_template=True):
        self.state = PoolState()
        self.now = NOW
        self.effects = []
        self.nonce = 0
        self.do(ProcessStarted(1, "test"))
        self.do(settings or destination())
        if has_template:
            self.do(template(difficulty=difficulty))

    def do(self, event):
        effects = step(self.state, event, now=self.now)
        self.effects.extend(effects)
        return effects

    def machine(self, session=1, user="kai.r01", *, place="xmr", agent="XMRig/6"):
        self.do(SessionOpened(session, "l", place, f"127.0.0.1:{session}"))
        return self.do(LoginAsked(session, 1, user, "x", agent, 0.0))

    def job_of(self, session):
        return list(self.state.sessions[session].sent)[-1]

    def share(self, session=1, *, want=None, job=None, nonces=None, **changes):
        """Find a nonce whose hash is (or is not) within a target: `want` is 'share', 'block' or 'low'."""
        found = judge.find_job(self.state, session, job or self.job_of(session))
        the_job, terms = found
        while True:
            self.nonce += 1
            nonce = self.nonce if nonces is None else next(nonces)
            hash_le = keccak256(judge.input_of(found, Rolled(b"", the_job.ntime, nonce, None)))
            hash_be = hash_le[::-1]
            is_block, is_share = hash_be <= the_job.network_target_be, hash_be <= terms.target_be
            if want is None or {"share": is_share and not is_block, "block": is_block, "low": not is_share}[want]:
                break
        fields = {"hash_le": hash_le, "claimed_le": hash_le} | changes
        return ShareHashed(session, 9, "kai.r01", the_job.id, b"", the_job.ntime, nonce, None, **fields)

    def outcome(self, event):
        return next(e.outcome for e in self.do(event) if isinstance(e, AnswerShare))

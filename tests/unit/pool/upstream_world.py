"""A pool with two upstreams and a node of its own, and machines that hash for real at a trivial difficulty."""

from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.proof import sha256d
from hashwright.chain.target import target_of_difficulty
from hashwright.pool import judge
from hashwright.pool.events import (
    AuthorizeAsked,
    ChannelOpened,
    ConfigureAsked,
    ExtranonceAsked,
    ProcessStarted,
    SessionOpened,
    ShareHashed,
    SharesAnswered,
    ShareVerdict,
    SubscribeAsked,
    UpstreamJobSeen,
    UpstreamSet,
)
from hashwright.pool.records import PoolState
from hashwright.pool.step import step
from hashwright.pool.work import Rolled
from hashwright.signals import MoveMachine
from unit.pool.pool_world import HARD_BITS, NOW, SCRIPT, destination, template

DIFF1 = 0xFFFF << 208
EASY = 1e-9
MASK = 0x1FFFE000


def upstream(name="up", **changes):
    values = {
        "destination": name,
        "coin": "bitcoin",
        "network": "regtest",
        "algorithm": "sha256d",
        "payout_script": b"",
        "start_difficulty": EASY,
        "minimum_difficulty": 1e-12,
        "shares_per_minute": 6.0,
        "is_practice": False,
        "leaves_on_mismatch": True,
    }
    return UpstreamSet(**{**values, **changes})


def kinds(effects):
    return [type(effect).__name__ for effect in effects]


def only(effects, kind):
    return [effect for effect in effects if type(effect) is kind]


class UpstreamWorld:
    """`up` leaves 8 bytes of extranonce2 behind 4 of its own, unless a test opens its channel otherwise."""

    def __init__(self, *, size=8, prefix=b"\xaa\xbb\xcc\xdd", mask=MASK, **settings):
        self.state = PoolState()
        self.now = NOW
        self.nonce = 0
        self.size, self.prefix = size, prefix
        self.do(ProcessStarted(1, "test"))
        self.do(destination())
        self.do(template())
        self.do(upstream(**settings))
        self.do(ChannelOpened("up", 11, prefix, size, mask))

    def do(self, event):
        return step(self.state, event, now=self.now)

    def job(
        self,
        name="up",
        channel=11,
        *,
        id="j1",
        tip=7,
        clean=True,
        difficulty=EASY,
        script=SCRIPT,
        tag=b"/pool/",
        **changes,
    ):
        parts = build_coinbase(
            100, ((5_000_000_000, script),), tag=tag, extra=b"", extranonce_size=len(self.prefix) + self.size,
            witness_commitment=b"",
        )  # fmt: skip
        values = {
            "destination": name,
            "channel": channel,
            "job": id,
            "prevhash_le": bytes([tip]) * 32,
            "coinbase_prefix": parts.prefix,
            "coinbase_suffix": parts.suffix,
            "branch": (),
            "version": 0x20000000,
            "nbits": HARD_BITS,
            "ntime": 1_800_000_000,
            "is_clean": clean,
            "difficulty": difficulty,
        }
        return self.do(UpstreamJobSeen(**{**values, **changes}))

    def machine(self, session=1, where="up", *, user="kai.r01", takes_extranonce=True, mask=MASK):
        effects = []
        effects += self.do(SessionOpened(session, "l", where, f"127.0.0.1:{session}"))
        if mask is not None:
            effects += self.do(ConfigureAsked(session, 0, ("version-rolling",), mask, None))
        effects += self.do(SubscribeAsked(session, 1, "test"))
        if takes_extranonce:
            effects += self.do(ExtranonceAsked(session, 3))
        effects += self.do(AuthorizeAsked(session, 2, user, "x"))
        return effects

    def move(self, session=1, where="btc", *, is_sliced=False):
        return self.do(MoveMachine(session, where, is_sliced))

    def session(self, session=1):
        return self.state.sessions[session]

    def newest(self, session=1):
        return list(self.session(session).sent)[-1]

    def share(self, session=1, *, job=None, beats=None, misses=None):
        """Find a share at the machine's target; `beats` and `misses` are difficulties that it must reach, or not."""
        job_id = job or self.newest(session)
        the_job, terms = judge.find_job(self.state, session, job_id)
        wanted = target_of_difficulty(beats, DIFF1) if beats else int.from_bytes(terms.target_be, "big")
        above = target_of_difficulty(misses, DIFF1) if misses else 0
        while True:
            self.nonce += 1
            extranonce2 = bytes(terms.extranonce2_size)
            header = judge.input_of((the_job, terms), Rolled(extranonce2, the_job.ntime, self.nonce, None))
            hash_le = sha256d(header)
            if above < int.from_bytes(hash_le, "little") <= wanted:
                return ShareHashed(
                    session, 9, "kai.r01", job_id, extranonce2, the_job.ntime, self.nonce, None, hash_le
                )  # fmt: skip

    def answer(self, share, *, is_accepted=True, code=0, reason="", channel=11, name="up"):
        return self.do(SharesAnswered(name, channel, (ShareVerdict(share, is_accepted, code, reason, 20),)))

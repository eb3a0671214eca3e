"""A small pool for unit tests: one destination, one template, machines that hash for real at a trivial difficulty."""

from hashwright.chain.proof import sha256d
from hashwright.pool import judge
from hashwright.pool.effects import AnswerShare
from hashwright.pool.events import (
    AuthorizeAsked,
    DestinationSet,
    ProcessStarted,
    SessionOpened,
    ShareHashed,
    SubscribeAsked,
    TemplateSeen,
)
from hashwright.pool.records import PoolState
from hashwright.pool.step import step
from hashwright.pool.work import Rolled

NOW = 1_800_000_000_000
EASY_BITS = 0x207FFFFF
HARD_BITS = 0x1D00FFFF
SCRIPT = bytes.fromhex("0014" + "ab" * 20)


def destination(**changes):
    values = {
        "destination": "btc",
        "coin": "bitcoin",
        "network": "regtest",
        "algorithm": "sha256d",
        "payout_script": SCRIPT,
        "coinbase_tag": b"/test/",
        "start_difficulty": 1e-9,
        "minimum_difficulty": 1e-9,
        "shares_per_minute": 6.0,
        "is_practice": False,
    }
    return DestinationSet(**{**values, **changes})


def template(number=1, **changes):
    values = {
        "destination": "btc",
        "template": number,
        "height": 100,
        "version": 0x20000000,
        "prevhash_le": bytes([number]) * 32,
        "nbits": HARD_BITS,
        "curtime": 1_800_000_000,
        "mintime": 1_799_999_000,
        "coinbase_value": 5_000_000_000,
        "witness_commitment": b"",
        "branch": (b"\x11" * 32, b"\x22" * 32),
    }
    return TemplateSeen(**{**values, **changes})


class World:
    """A pool state with its clock, and every effect that came out."""

    def __init__(self, *, nbits=HARD_BITS, settings=None):
        self.state = PoolState()
        self.now = NOW
        self.effects = []
        self.nonce = 0
        self.do(ProcessStarted(1, "test"))
        self.do(settings or destination())
        self.do(template(nbits=nbits))

    def do(self, event):
        effects = step(self.state, event, now=self.now)
        self.effects.extend(effects)
        return effects

    def machine(self, session=1, user="kai.r01", password="x"):
        self.do(SessionOpened(session, "l", "btc", f"127.0.0.1:{session}"))
        self.do(SubscribeAsked(session, 1, "test"))
        self.do(AuthorizeAsked(session, 2, user, password))
        return session

    def job_of(self, session):
        return list(self.state.sessions[session].sent)[-1]

    def share(self, session=1, *, want=None, job=None, **changes):
        """Make a share whose hash is (or is not) within a target: `want` is 'share', 'block' or 'low'."""
        fixed_hash = changes.pop("hash_le", None)
        job_id = job or self.job_of(session)
        found = judge.find_job(self.state, session, job_id)
        assert found is not None
        the_job, terms = found
        fields = {"extranonce2": b"\x00" * 8, "ntime": the_job.ntime, "version_bits": None} | changes
        while True:
            self.nonce += 1
            rolled = Rolled(fields["extranonce2"], fields["ntime"], self.nonce, fields["version_bits"])
            header = judge.input_of(found, rolled)
            hash_le = sha256d(header)
            hash_be = hash_le[::-1]
            is_block, is_share = hash_be <= the_job.network_target_be, hash_be <= terms.target_be
            if fixed_hash is not None:
                hash_le = fixed_hash
                break
            if want is None or {"share": is_share and not is_block, "block": is_block, "low": not is_share}[want]:
                break
        return ShareHashed(
            session,
            9,
            "kai.r01",
            job_id,
            fields["extranonce2"],
            fields["ntime"],
            self.nonce,
            fields["version_bits"],
            hash_le,
        )

    def outcome(self, event):
        return next(e.outcome for e in self.do(event) if isinstance(e, AnswerShare))

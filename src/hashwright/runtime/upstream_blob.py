"""One connection to a CryptoNote upstream: the login brings the first job, and each job brings its own target.

    connected -> login -> answer and first job (ChannelOpened) -> jobs, shares, signs of life -> ended

All the rest is as with Bitcoin's Stratum (`upstream_link`). Names are one a connection here: a share names nobody.

What is left to us is one byte, the top of the nonce, if the upstream leaves it zero; else it is a proxy that splits the
nonce itself, and a connection carries one machine.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from hashwright.chain.cryptonote.share import NONCE_AT, NONCE_BYTES, read_hashing_blob
from hashwright.chain.proof import ALGORITHMS
from hashwright.pool.effects import SubmitUpstream
from hashwright.pool.events import BlobJob, UpstreamJobSeen
from hashwright.runtime.upstream_link import AGENT, UpstreamLink
from hashwright.stratum import messages as said
from hashwright.stratum.cryptonote.client import BlobClientSession
from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, LoggedIn
from hashwright.stratum.cryptonote.targets import TOP_64, target_be_of
from hashwright.stratum.messages import Message

KEEP_ALIVE_S = 60.0
"""As often as xmrig gives a sign of life."""
MACHINES_MAX = 255
_TOP_BYTE = NONCE_AT + NONCE_BYTES - 1


class BlobUpstreamLink(UpstreamLink):
    """One connection."""

    _previous = b""
    _alive_s = 0.0

    @property
    def machines(self) -> int:
        """Return how many machines it carries."""
        return MACHINES_MAX if self.extranonce2_size else 1

    def _new_session(self) -> Any:  # noqa: ANN401 (one of a dialect)
        return BlobClientSession(agent=AGENT, algorithm=ALGORITHMS[self._owner.settings.algorithm].wire)

    def _greet(self) -> None:
        self._opens_with_job = True  # only the job tells how many machines there is room for
        self._session.login(self.names.base, self._password)
        self._enter("authorizing")

    def _write_share(self, share: SubmitUpstream, name: str) -> int:
        return int(self._session.submit(BlobShare(None, share.job, share.nonce, share.hash_le, "")))

    def check(self) -> None:
        """End the connection where something takes too long; else give a sign of life now and then."""
        super().check()
        if self.stage == "open" and self._loop.time() - max(self._alive_s, self._used_s) > KEEP_ALIVE_S:
            self._alive_s = self._loop.time()
            self._session.keep_alive()
            self._flush()

    def _hear_logged_in(self, message: LoggedIn) -> None:
        if self.stage != "authorizing":
            return
        if message.is_allowed:
            self._logged_in()
        else:
            text = f"it refuses the user {self.names.base}: {message.reason}"
            self.close(text, kind="refused", code="HW-431")

    def _hear_blob_job(self, job: BlobJobSent) -> None:
        """Learn what is left to us; a blob that does not parse is refused here, with words."""
        try:
            read_hashing_blob(job.blob)
        except ValueError as problem:
            self._owner.note(
                "blob", "an upstream's job cannot be read; it is left out", code="HW-312", why=str(problem)
            )
            return
        fixed = job.blob[_TOP_BYTE : _TOP_BYTE + 1] if any(job.blob[NONCE_AT : _TOP_BYTE + 1]) else b""
        room = (fixed, 0 if fixed else 1)
        if room != (self._prefix, self.extranonce2_size):
            self._prefix, self.extranonce2_size = room
            self._jobs.clear()
            if self.was_open and self._may_tell():
                self._tell_channel()
        self._difficulty = float(TOP_64 // job.target_64)
        self._hear_job(job)

    def _is_clean(self, job: BlobJobSent) -> bool:
        return job.blob[7:NONCE_AT] != self._previous

    def _event_of(self, job: BlobJobSent) -> UpstreamJobSeen:
        major, time_s, previous = read_hashing_blob(job.blob)
        is_clean, self._previous = previous != self._previous, previous
        return UpstreamJobSeen(
            destination=self._owner.settings.name,
            channel=self.channel,
            job=job.job,
            prevhash_le=previous,
            coinbase_prefix=b"",
            coinbase_suffix=b"",
            branch=(),
            version=major,
            nbits=0,
            ntime=time_s,
            is_clean=is_clean,
            difficulty=self._difficulty,
            blob=BlobJob(job.blob, job.height, job.seed, job.next_seed, target_be_of(job.target_64)),
        )

    _HEARD: ClassVar[dict[type[Message], Callable[..., None]]] = {
        BlobJobSent: _hear_blob_job,
        LoggedIn: _hear_logged_in,
        said.ShareAnswered: UpstreamLink._hear_answer,
        said.Fault: UpstreamLink._hear_fault,
    }

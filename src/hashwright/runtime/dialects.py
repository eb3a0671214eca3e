"""What the engine wants, in the words of a machine's own Stratum: Bitcoin's, or CryptoNote's.

One object a dialect, without state: the state is in the connection's session. Where a dialect has no word for something
it says nothing, because the next job carries it (a CryptoNote job has its target and its extra nonce inside).
"""

from typing import Final, Protocol

from hashwright.chain.proof import ALGORITHMS
from hashwright.pool import effects as do
from hashwright.pool import events as seen
from hashwright.pool.records import Job, Terms
from hashwright.pool.work import BLOB, Rolled
from hashwright.stratum import messages as said
from hashwright.stratum import server as wire
from hashwright.stratum.cryptonote import messages as blob_said
from hashwright.stratum.cryptonote.server import BlobServerSession
from hashwright.stratum.cryptonote.targets import target_64_of
from hashwright.stratum.messages import Message
from hashwright.stratum.server import ServerSession

AnySession = ServerSession | BlobServerSession
Submitted = said.Submit | blob_said.BlobShare


class Dialect(Protocol):
    """How one family of machines is spoken to. Each method returns the bytes to send, or none."""

    def new_session(self, algorithm: str) -> AnySession:
        """Begin a session."""
        ...

    def event_of(self, number: int, message: Message) -> seen.PoolEvent | None:
        """Translate a message into an event; None where it asks nothing of the engine."""
        ...

    def shared_job(self, job: Job, *, clean: bool) -> bytes:
        """Write a job that is the same for every machine; nothing where each has its own."""
        ...

    def job(self, session: AnySession, job: Job, terms: Terms, *, clean: bool) -> bytes:
        """Write a job for one machine."""
        ...

    def subscribed(self, session: AnySession, effect: do.AnswerSubscribe) -> bytes:
        """Answer a subscription."""
        ...

    def authorized(self, session: AnySession, effect: do.AnswerAuthorize) -> bytes:
        """Answer a login, or refuse it."""
        ...

    def configured(self, session: AnySession, effect: do.AnswerConfigure) -> bytes:
        """Answer what was granted."""
        ...

    def difficulty(self, difficulty: float) -> bytes:
        """Tell a difficulty, for the next job."""
        ...

    def extranonce(self, session: AnySession, effect: do.SendExtranonce) -> bytes:
        """Tell a new extranonce, for the next job."""
        ...

    def mask(self, mask: int) -> bytes:
        """Tell which version bits may be rolled."""
        ...

    def reconnect(self) -> bytes:
        """Ask a machine to come again."""
        ...


class HeaderDialect:
    """Bitcoin's Stratum: jobs for everybody, all else announced before them."""

    def new_session(self, algorithm: str) -> AnySession:
        """Begin a session; it is the same for every algorithm."""
        return ServerSession()

    def event_of(self, number: int, message: Message) -> seen.PoolEvent | None:
        """Translate a message into an event."""
        match message:
            case said.Subscribe():
                return seen.SubscribeAsked(number, message.request, message.agent)
            case said.Authorize():
                return seen.AuthorizeAsked(number, message.request, message.user, message.password)
            case said.Configure():
                return seen.ConfigureAsked(
                    number, message.request, message.extensions, message.mask, message.minimum_difficulty
                )
            case said.SuggestDifficulty():
                return seen.DifficultyAsked(number, message.request, message.difficulty)
            case said.ExtranonceSubscribe():
                return seen.ExtranonceAsked(number, message.request)
            case _:
                return None

    def shared_job(self, job: Job, *, clean: bool) -> bytes:
        """Write `mining.notify`."""
        return notify_of(job, clean=clean)

    def job(self, session: AnySession, job: Job, terms: Terms, *, clean: bool) -> bytes:
        """Write `mining.notify`."""
        return notify_of(job, clean=clean)

    def subscribed(self, session: AnySession, effect: do.AnswerSubscribe) -> bytes:
        """Answer `mining.subscribe`."""
        assert isinstance(session, ServerSession)
        return session.subscribed(effect.request, effect.prefix, effect.extranonce2_size)

    def authorized(self, session: AnySession, effect: do.AnswerAuthorize) -> bytes:
        """Answer `mining.authorize`."""
        assert isinstance(session, ServerSession)
        if effect.problem:
            return session.refused(effect.request, 24, effect.problem)
        return session.authorized(effect.request, effect.user)

    def configured(self, session: AnySession, effect: do.AnswerConfigure) -> bytes:
        """Answer `mining.configure`."""
        assert isinstance(session, ServerSession)
        return session.configured(effect.request, effect.extensions, effect.mask, effect.minimum_difficulty)

    def difficulty(self, difficulty: float) -> bytes:
        """Write `mining.set_difficulty`."""
        return wire.set_difficulty_line(difficulty)

    def extranonce(self, session: AnySession, effect: do.SendExtranonce) -> bytes:
        """Write `mining.set_extranonce`."""
        assert isinstance(session, ServerSession)
        return session.set_extranonce(effect.prefix, effect.extranonce2_size)

    def mask(self, mask: int) -> bytes:
        """Write `mining.set_version_mask`."""
        return wire.set_mask_line(mask)

    def reconnect(self) -> bytes:
        """Write `client.reconnect`."""
        return wire.reconnect_line()


class BlobDialect:
    """CryptoNote's Stratum: a job of its own for each machine, with everything inside."""

    def new_session(self, algorithm: str) -> AnySession:
        """Begin a session, for one algorithm."""
        return BlobServerSession(algorithm=ALGORITHMS[algorithm].wire)

    def event_of(self, number: int, message: Message) -> seen.PoolEvent | None:
        """Translate a login into an event; the rig stands behind a dot of its own, unless the login has one."""
        if not isinstance(message, blob_said.Login):
            return None
        user, plus, wish = message.user.partition("+")
        if message.rig and "." not in user:
            user = f"{user}.{message.rig}"
        return seen.LoginAsked(number, message.request, user + plus + wish, message.password, message.agent, 0.0)

    def shared_job(self, job: Job, *, clean: bool) -> bytes:
        """No job is the same for two machines."""
        return b""

    def job(self, session: AnySession, job: Job, terms: Terms, *, clean: bool) -> bytes:
        """Write a job with this machine's extra nonce, or its byte of the nonce, and its target."""
        assert isinstance(session, BlobServerSession)
        return session.job(blob_job_of(job, terms, session.algorithm))

    def subscribed(self, session: AnySession, effect: do.AnswerSubscribe) -> bytes:
        """Say nothing: the extra nonce is in the job."""
        return b""

    def authorized(self, session: AnySession, effect: do.AnswerAuthorize) -> bytes:
        """Refuse a login; one that is allowed is answered with its first job."""
        assert isinstance(session, BlobServerSession)
        if effect.problem:
            return session.refused(effect.request, 0, effect.problem)
        session.admitted(effect.user)
        return b""

    def configured(self, session: AnySession, effect: do.AnswerConfigure) -> bytes:
        """Say nothing: nobody can ask."""
        return b""

    def difficulty(self, difficulty: float) -> bytes:
        """Say nothing: the target is in the job."""
        return b""

    def extranonce(self, session: AnySession, effect: do.SendExtranonce) -> bytes:
        """Say nothing: it is in the job."""
        return b""

    def mask(self, mask: int) -> bytes:
        """Say nothing: there are no such bits."""
        return b""

    def reconnect(self) -> bytes:
        """Say nothing: a machine whose connection ends comes again by itself."""
        return b""


DIALECTS: Final[dict[str, Dialect]] = {"header": HeaderDialect(), "blob": BlobDialect()}


def dialect_of(algorithm: str) -> Dialect:
    """Return how machines of an algorithm are spoken to."""
    return DIALECTS[ALGORITHMS[algorithm].work]


def rolled_of(job: Job | None, message: Submitted) -> Rolled:
    """Return what a machine chose; a blob has no room but the nonce, and the job's own time."""
    if isinstance(message, blob_said.BlobShare):
        return Rolled(b"", 0 if job is None else job.ntime, message.nonce, None)
    return Rolled(message.extranonce2, message.ntime, message.nonce, message.version_bits)


def blob_job_of(job: Job, terms: Terms, algorithm: str) -> blob_said.BlobJobSent:
    """Fill a machine's own part into a job's blob: the byte of the nonce, where that is what tells machines apart."""
    blob = job.blob
    assert blob is not None
    first = terms.prefix[-1] << 24 if blob.tail and terms.prefix else 0
    return blob_said.BlobJobSent(
        job.id,
        BLOB.input_of(job, terms, Rolled(b"", job.ntime, first, None)),
        target_64_of(terms.target_be),
        algorithm,
        job.height,
        blob.seed,
        blob.next_seed,
    )


def notify_of(job: Job, *, clean: bool) -> bytes:
    """Serialise a job of a header for the wire."""
    return wire.notify_line(
        said.Notify(
            job=job.id,
            prevhash_le=job.prevhash_le,
            coinbase_prefix=job.coinbase_prefix,
            coinbase_suffix=job.coinbase_suffix,
            branch=job.branch,
            version=job.version,
            nbits=job.nbits,
            ntime=job.ntime,
            is_clean=clean,
        )
    )

"""Shares while the journal cannot be written: through to the upstream, and its own answer back.

Nothing is acknowledged that is not durable (design.md), but a machine may still earn. While the disk is full or the
database stands still, the route's safe destination takes every machine; shares for upstreams are sent on without an
event, and the machine gets the upstream's word. We credit nothing and keep no books of it; every screen says so. Shares
for an own node wait for the journal, because there nobody else could say yes; blocks go out all the same.

These shares are numbered below zero, so that an answer to one of them is never taken for one of the engine's.
"""

from typing import TYPE_CHECKING, NamedTuple

from hashwright.pool import effects as do
from hashwright.pool import judge
from hashwright.pool.events import RequestId, SharesAnswered, ShareVerdict
from hashwright.pool.records import Job, Terms
from hashwright.pool.workers import worker_name
from hashwright.stratum import messages as said

if TYPE_CHECKING:
    from hashwright.runtime.live import LiveShell

OPEN_MAX = 20_000
"""Shares on their way at once; beyond it the oldest gets no answer."""


LOST_CODE = 20


class Passed(NamedTuple):
    """A share that was sent on: whose it is, and by which connection."""

    session: int
    request: RequestId
    channel: int


class PassThrough:
    """Sends shares on and relays the answers, while `is_on`."""

    def __init__(self, shell: "LiveShell") -> None:
        self.is_on = False
        self.relayed = 0
        self._shell = shell
        self._numbers = 0
        self._open: dict[int, Passed] = {}

    def take(self, session: int, found: tuple[Job, Terms] | None, submit: said.Submit) -> bool:
        """Send a share on; False where it is not for an upstream, and must go the usual way."""
        if found is None or found[0].is_own:
            return False
        job, terms = found
        if not judge.check_sizes(terms, submit.extranonce2):
            return False
        self._numbers -= 1
        if len(self._open) >= OPEN_MAX:
            self._open.pop(next(iter(self._open)))
        self._open[self._numbers] = Passed(session, submit.request, job.channel)
        desk = self._shell.upstreams.get(job.destination)
        if desk is not None:
            desk.submit(self._effect(job, terms, submit))
        return True

    @property
    def waiting(self) -> int:
        """Count the shares without an answer."""
        return len(self._open)

    def relay(self, event: SharesAnswered) -> SharesAnswered | None:
        """Answer the machines whose shares were sent on; return what is left for the engine, if anything."""
        ours = [verdict for verdict in event.verdicts if verdict.share < 0]
        if not ours:
            return event
        for verdict in ours:
            self._answer(verdict)
        rest = tuple(verdict for verdict in event.verdicts if verdict.share >= 0)
        return SharesAnswered(event.destination, event.channel, rest) if rest else None

    def lose(self, channel: int) -> None:
        """Answer the machines whose shares were on a connection that is gone."""
        for number in [number for number, share in self._open.items() if share.channel == channel]:
            self._answer(ShareVerdict(number, False, LOST_CODE, "the pool's connection was lost", -1))

    def _answer(self, verdict: ShareVerdict) -> None:
        share = self._open.pop(verdict.share, None)
        connection = None if share is None else self._shell.connections.get(share.session)
        if share is None or connection is None:
            return
        self.relayed += 1
        if verdict.is_accepted:
            connection.send(connection.session.true(share.request))
        else:
            connection.send(connection.session.refused(share.request, verdict.code, verdict.reason))

    def _effect(self, job: Job, terms: Terms, submit: said.Submit) -> do.SubmitUpstream:
        return do.SubmitUpstream(
            destination=job.destination,
            channel=job.channel,
            share=self._numbers,
            worker=worker_name(submit.worker),
            job=job.upstream_job,
            extranonce2=(terms.prefix + submit.extranonce2)[len(job.upstream_prefix) :],
            ntime=submit.ntime,
            nonce=submit.nonce,
            version_bits=submit.version_bits,
        )

"""Shares while the journal cannot be written: through to the upstream, and its own answer back.

Nothing is acknowledged that is not durable (design.md), but a machine may still earn. While the disk is full or the
database stands still, the route's safe destination takes every machine; shares for upstreams are sent on without an
event, and the machine gets the upstream's word. We credit nothing and keep no books of it; every screen says so. Shares
for an own node wait for the journal, because there nobody else could say yes; blocks go out all the same.

These shares are numbered below zero, so that an answer to one of them is never taken for one of the engine's.
"""

from typing import TYPE_CHECKING

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


class PassThrough:
    """Sends shares on and relays the answers, while `is_on`."""

    def __init__(self, shell: "LiveShell") -> None:
        self.is_on = False
        self.relayed = 0
        self._shell = shell
        self._numbers = 0
        self._open: dict[int, tuple[int, RequestId]] = {}

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
        self._open[self._numbers] = (session, submit.request)
        desk = self._shell.upstreams.get(job.destination)
        if desk is not None:
            desk.submit(self._effect(job, terms, submit))
        return True

    @property
    def relayed_any(self) -> bool:
        """Tell whether answers may come that are not the engine's."""
        return bool(self._open)

    def relay(self, event: SharesAnswered) -> SharesAnswered | None:
        """Answer the machines whose shares were sent on; return what is left for the engine, if anything."""
        ours = [verdict for verdict in event.verdicts if verdict.share < 0]
        if not ours:
            return event
        for verdict in ours:
            self._answer(verdict)
        rest = tuple(verdict for verdict in event.verdicts if verdict.share >= 0)
        return SharesAnswered(event.destination, event.channel, rest) if rest else None

    def _answer(self, verdict: ShareVerdict) -> None:
        asked = self._open.pop(verdict.share, None)
        connection = None if asked is None else self._shell.connections.get(asked[0])
        if asked is None or connection is None:
            return
        self.relayed += 1
        if verdict.is_accepted:
            connection.send(connection.session.true(asked[1]))
        else:
            connection.send(connection.session.refused(asked[1], verdict.code, verdict.reason))

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

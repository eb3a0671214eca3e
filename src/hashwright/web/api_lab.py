"""The Lab: calculations, comparisons, audits and backtests from the browser, in the words and documents of `hw`.

Nobody names a file here: an offer and its payouts are texts of the request, history is what was imported.
"""

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, MediaType, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from hashwright.errors import OperatorError
from hashwright.web.context import AnyRequest, caller_of, needs, note, problems, refuse_forged, site_of
from hashwright.web.documents import Document
from hashwright.web.lab import Job, JobState, Lab, Task, Verb, words_of
from hashwright.web.lab_report import POLICY_OF_REPORT, report_of
from hashwright.web.lab_site import require_reckoning
from hashwright.web.what_if import WhatIfDocument, WhatIfWish, answered

TEXT_MAX: Final = 24 * 1024
OFFER: Final = "offer.toml"
PAYOUTS: Final = "payouts.csv"
DAYS: Final = "coin_daily.csv"
SITE: Final = "site.toml"
FINDINGS_MAX: Final = 20
DAYS_MAX: Final = 56 * 1024
"""The largest body of a request is 64 KiB; longer histories are imported: `hw admin data import`."""
Word = Annotated[str, msgspec.Meta(max_length=80, pattern="^[^\\x00-\\x1f\\x7f]*$")]
Long = Annotated[str, msgspec.Meta(max_length=400, pattern="^[^\\x00-\\x1f\\x7f]*$")]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Days = Annotated[str, msgspec.Meta(max_length=DAYS_MAX)]
Number = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
Day = Annotated[str, msgspec.Meta(pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
Count = Annotated[int, msgspec.Meta(ge=1, le=3650)]
WHAT_IFS: Final = ("price", "difficulty", "power")
STARTING: Final = problems(401, 403, 409, 422)


class CalcWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hw calc`: a machine of the catalogue, or its hash rate and power. Empty words take the command's defaults."""

    machine: Word = ""
    coin: Word = ""
    hashrate: Word = ""
    power: Word = ""
    machine_price: Number | None = None
    power_price: Word = ""
    pool_fee: Word = ""
    uptime: Word = ""
    growth: Word = ""
    days: Count | None = None


class CompareWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hw compare --budget`: what a budget may become. `offer` is the text of an offer (TOML)."""

    budget: Annotated[float, msgspec.Meta(gt=0, le=1e12)]
    currency: Word = ""
    rate: Number | None = None
    months: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None
    coin: Word = ""
    machine: Word = ""
    machine_price: Number | None = None
    power_price: Word = ""
    price_drift: Word = ""
    growth: Word = ""
    offer: Text = ""


class AuditWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hw audit`: the text of an offer (TOML), single terms, or both; `payouts` is a CSV of `date,amount`."""

    offer: Text = ""
    payouts: Text = ""
    coin: Word = ""
    price: Number | None = None
    hashrate: Word = ""
    days: Count | None = None
    maintenance: Number | None = None
    stop_after: Count | None = None
    promise: Number | None = None
    referral: Number | None = None
    price_drift: Word = ""
    growth: Word = ""


class BacktestWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hw backtest`: policies through days: of a CSV (`days`), of an invented example, or those that were imported."""

    first: Day = ""
    last: Day = ""
    policies: Annotated[tuple[Word, ...], msgspec.Meta(max_length=8)] = ()
    coins: Long = ""
    hardware: Long = ""
    power_price: Word = ""
    hold: Word = ""
    hold_days: Annotated[float, msgspec.Meta(ge=0.1, le=365)] | None = None
    step_cap: Word = ""
    risk: Word = ""
    days: Days = ""
    example: bool = False
    check_lookahead: bool = False


class PlanWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hw plan`: what machines do over the next weeks. `price` and `difficulty`: what if they change, as `+20%`."""

    hardware: Long = ""
    power_price: Word = ""
    horizon: Word = ""
    risk: Word = ""
    hold: Word = ""
    growth: Word = ""
    price_drift: Word = ""
    price: Word = ""
    difficulty: Word = ""
    power: Word = ""
    scenarios: Annotated[int, msgspec.Meta(ge=100, le=20_000)] | None = None


class EnergyWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hw plan energy`: the text of a site's file (TOML); its tariff and weather are reckoned, not asked for."""

    site: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]
    hours: Annotated[float, msgspec.Meta(ge=1, le=168)] | None = None
    level: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    at: Word = ""


class JobProblem(Document, frozen=True, kw_only=True):
    """Why a job failed, as the command says it; `findings` name each place that is wrong."""

    code: str
    message: str
    hint: str
    findings: tuple[str, ...] = ()


class JobDocument(Document, frozen=True, kw_only=True):
    """A job: `share` is how far it is. `answer` is the document of the command's `--json`; only with a single job."""

    number: int
    verb: Verb
    title: str
    command: str
    state: JobState
    share: float
    began_ms: int
    ended_ms: int | None
    problem: JobProblem | None
    answer: dict[str, Any] | None = None


class JobList(Document, frozen=True, kw_only=True):
    """The newest jobs of who asks. `verbs` are what can be asked."""

    jobs: tuple[JobDocument, ...]
    policies: tuple[str, ...]


class LabController(Controller):
    """Jobs of the Lab."""

    path = "/api/v1/lab"
    tags = ("lab",)
    guards = (needs("view"),)

    @get("/jobs", responses=problems(401, 403), operation_id="listJobs", summary="The newest jobs")
    async def jobs(self, request: AnyRequest) -> JobList:
        """List one's own jobs, newest first."""
        from hashwright import registry

        found = lab_of(request).jobs(caller_of(request).who)
        return JobList(jobs=tuple(document_of(job) for job in found), policies=registry.names("policies"))

    @post("/calc", status_code=202, responses=STARTING, operation_id="startCalc", summary="Reckon with one machine")
    async def calc(self, request: AnyRequest, data: JSONBody[CalcWish]) -> JobDocument:
        """Tell what a machine earns now, as `hw calc`."""
        flags = flags_of(data, leave=("machine",))
        return await start(request, "calc", data.machine or data.hashrate, (*flags, "--tornado", "--", data.machine))

    @post("/compare", status_code=202, responses=STARTING, operation_id="startCompare", summary="Compare a budget")
    async def compare(self, request: AnyRequest, data: JSONBody[CompareWish]) -> JobDocument:
        """Tell what a budget may become, as `hw compare --budget`."""
        flags = flags_of(data, leave=("offer",))
        files = {OFFER: data.offer} if data.offer.strip() else {}
        named = (f"--contract={OFFER}",) if files else ()
        title = f"{data.budget:,.0f} {data.currency or 'USD'}"
        return await start(request, "compare", title, (*flags, *named), files)

    @post("/audit", status_code=202, responses=STARTING, operation_id="startAudit", summary="Audit an offer")
    async def audit(self, request: AnyRequest, data: JSONBody[AuditWish]) -> JobDocument:
        """Audit an offer, as `hw audit`."""
        files = {name: text for name, text in ((OFFER, data.offer), (PAYOUTS, data.payouts)) if text.strip()}
        named = ("--payouts=payouts.csv",) if PAYOUTS in files else ()
        last = ("--", OFFER) if OFFER in files else ()
        flags = flags_of(data, leave=("offer", "payouts"))
        title = f"an offer of {data.coin or 'its coin'}" if not data.hashrate else f"{data.hashrate} of {data.coin}"
        return await start(request, "audit", title, (*flags, *named, *last), files)

    @post("/backtest", status_code=202, responses=STARTING, operation_id="startBacktest", summary="Walk through days")
    async def backtest(self, request: AnyRequest, data: JSONBody[BacktestWish]) -> JobDocument:
        """Walk policies through imported days, as `hw backtest`."""
        flags = [f"--policy={name}" for name in data.policies if name]
        flags += [f"--from={data.first}"] if data.first else []
        flags += [f"--to={data.last}"] if data.last else []
        flags += ["--check-lookahead"] if data.check_lookahead else []
        files = {DAYS: data.days} if data.days.strip() else {}
        flags += ["--data=."] if files else ["--example"] if data.example else []
        rest = flags_of(data, leave=("first", "last", "policies", "check_lookahead", "days", "example"))
        title = f"{data.first or 'the first day'} to {data.last or 'the last'}"
        return await start(request, "backtest", title, (*flags, *rest), files)

    @post("/plan", status_code=202, responses=STARTING, operation_id="startPlan", summary="Plan the next weeks")
    async def plan(self, request: AnyRequest, data: JSONBody[PlanWish]) -> JobDocument:
        """Plan what machines do over the next weeks, as `hw plan`; what-ifs change the world first."""
        changes = [f"--what-if={name}={getattr(data, name)}" for name in WHAT_IFS if getattr(data, name)]
        flags = flags_of(data, leave=WHAT_IFS)
        return await start(
            request, "plan", f"{data.hardware or 'one s21'}, {data.horizon or '30d'}", (*flags, *changes)
        )

    @post("/energy", status_code=202, responses=STARTING, operation_id="startEnergy", summary="Plan a site's hours")
    async def energy(self, request: AnyRequest, data: JSONBody[EnergyWish]) -> JobDocument:
        """Plan the next hours of a site, as `hw plan energy`."""
        require_reckoning(data.site)
        flags = (*flags_of(data, leave=("site",)), f"--site={SITE}", "--time-limit=20")
        return await start(request, "energy", f"a site over {data.hours or 48:g} h", flags, {SITE: data.site})

    @post(
        "/what-if", status_code=200, responses=STARTING, operation_id="whatIf", summary="Move one calculation's levers"
    )
    async def what_if(self, request: AnyRequest, data: JSONBody[WhatIfWish]) -> WhatIfDocument:
        """Reckon with a machine while levers are moved, at once, by the same engine as `hw calc`."""
        site = site_of(request)
        return await asyncio.to_thread(answered, site.live.folder, data, now_ms=site.clock.now())

    @get("/jobs/{number:int}", responses=problems(401, 403, 404), operation_id="readJob", summary="One job")
    async def job(self, request: AnyRequest, number: FromPath[int]) -> JobDocument:
        """Show a job of one's own, with its answer."""
        return document_of(lab_of(request).job(caller_of(request).who, number), with_answer=True)

    @delete(
        "/jobs/{number:int}",
        status_code=200,
        responses=problems(401, 403, 404),
        operation_id="cancelJob",
        summary="End a job",
    )
    async def cancel(self, request: AnyRequest, number: FromPath[int]) -> JobDocument:
        """End a job of one's own."""
        return document_of(await lab_of(request).cancel(caller_of(request).who, number))

    @get(
        "/jobs/{number:int}/report",
        media_type=MediaType.HTML,
        responses={
            **problems(401, 403, 404, 409),
            200: ResponseSpec(str, description="One self-contained page.", media_type="text/html"),
        },
        operation_id="readReport",
        summary="The report of a job as one page",
    )
    async def report(self, request: AnyRequest, number: FromPath[int]) -> Response[bytes]:
        """Download the report: it needs nothing else, and where it is opened it may do nothing but draw."""
        job = lab_of(request).job(caller_of(request).who, number)
        if job.answer is None:
            raise OperatorError(f"Job {number} has no answer.", code="HW-965")
        page = await asyncio.to_thread(report_of, job.task.verb, job.answer)
        headers = {
            "content-security-policy": POLICY_OF_REPORT,
            "content-disposition": f'attachment; filename="hashwright-{job.task.verb}-{number}.html"',
        }
        return Response(page.encode(), media_type="text/html; charset=utf-8", headers=headers)


def lab_of(request: AnyRequest) -> Lab:
    """Return the Lab of the application."""
    lab: Lab = request.app.state.lab
    return lab


async def start(
    request: AnyRequest, verb: Verb, title: str, flags: Iterable[str], files: dict[str, str] | None = None
) -> JobDocument:
    """Start a job for who asks. A link only looks: whoever has it may not keep our processor busy."""
    caller = caller_of(request)
    if caller.kind == "link":
        raise OperatorError("A link only looks; it starts no job.", code="HW-741")
    refuse_forged(request, caller)
    job = lab_of(request).start(caller.who, Task(verb=verb, title=title[:80], flags=tuple(flags), files=files or {}))
    await note(request, f"lab {verb}", job.task.title, f"job {job.number}")
    return document_of(job)


def flags_of(wish: msgspec.Struct, *, leave: tuple[str, ...] = ()) -> list[str]:
    """Write what was wished for as flags; each holds its value in the same word, so no value can become a flag."""
    found = {name: getattr(wish, name) for name in wish.__struct_fields__ if name not in leave}
    return [f"--{name.replace('_', '-')}={_text(value)}" for name, value in found.items() if value not in (None, "")]


def _text(value: float | str) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _findings(problem: Mapping[str, Any]) -> tuple[str, ...]:
    found = [it for it in problem.get("findings") or () if isinstance(it, dict)]
    return tuple(f"{it.get('place', '')}: {it.get('message', '')}"[:300] for it in found[:FINDINGS_MAX])


def document_of(job: Job, *, with_answer: bool = False) -> JobDocument:
    """Return a job as a document."""
    problem = job.problem if job.state == "failed" else None
    words: list[Literal["code", "message", "hint"]] = ["code", "message", "hint"]
    return JobDocument(
        number=job.number,
        verb=job.task.verb,
        title=job.task.title,
        command=shlex.join(["hw", *words_of(job.task.verb), *(it for it in job.task.flags if it not in ("--", ""))]),
        state=job.state,
        share=job.share,
        began_ms=job.began_ms,
        ended_ms=job.ended_ms,
        problem=None
        if problem is None
        else JobProblem(**{name: str(problem.get(name, "")) for name in words}, findings=_findings(problem)),
        answer=job.answer if with_answer else None,
    )

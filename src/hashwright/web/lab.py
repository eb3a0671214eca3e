"""Jobs of the Lab: a command of `hw` in a process of its own, bounded, with its progress and its answer.

A job reads what the data folder knows and asks nobody (`cli/worker.py` sees to that). One job at a time for each
person, a few at once for all, a limit of time for each, and only the newest answers are kept, in memory: a report can
be made again in seconds, so nothing here is worth a row in a database.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import structlog

import hashwright
from hashwright.clock import Clock
from hashwright.errors import OperatorError

log = structlog.get_logger()

Verb = Literal["calc", "compare", "audit", "backtest", "plan", "energy"]
JobState = Literal["running", "done", "failed", "cancelled"]
WORDS: Final[Mapping[str, tuple[str, ...]]] = {"energy": ("plan", "energy")}
"""Verbs whose command has more words than one."""
WORKER: Final = "hashwright.cli.worker"
LIMIT_S: Final = 120.0
AT_ONCE: Final = 2
KEPT_EACH: Final = 10
KEPT_ALL: Final = 60
ANSWER_MAX: Final = 4 * 2**20
PART: Final = 64 * 1024
KEPT_WORDS: Final = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked: a command with its flags, and files that it reads by their name."""

    verb: Verb
    title: str
    flags: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Job:
    """A job: `share` is how far it is, 0 to 1; `answer` the document of `--json`."""

    number: int
    who: str
    task: Task
    began_ms: int
    state: JobState = "running"
    share: float = 0.0
    ended_ms: int | None = None
    answer: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    work: "asyncio.Task[None] | None" = None


def words_of(verb: Verb) -> tuple[str, ...]:
    """Return the words of a command."""
    return WORDS.get(verb, (verb,))


class Lab:
    """The jobs of everybody."""

    def __init__(self, folder: Path, *, clock: Clock, limit_s: float = LIMIT_S, command: Sequence[str] = ()) -> None:
        self._folder = folder
        self._clock = clock
        self._limit_s = limit_s
        self._command = tuple(command) or (sys.executable, "-m", WORKER)
        self._jobs: dict[int, Job] = {}
        self._next = 1

    def jobs(self, who: str) -> list[Job]:
        """Return the jobs of somebody, newest first."""
        return [job for job in reversed(self._jobs.values()) if job.who == who]

    def job(self, who: str, number: int) -> Job:
        """Return a job of somebody.

        Raises:
            OperatorError: he has none of that number (HW-748).
        """
        job = self._jobs.get(number)
        if job is None or job.who != who:
            raise OperatorError(f"You have no job {number}; only the newest are kept.", code="HW-748")
        return job

    def start(self, who: str, task: Task) -> Job:
        """Start a job.

        Raises:
            OperatorError: one of his runs (HW-960), or too many of others (HW-961).
        """
        running = [job for job in self._jobs.values() if job.state == "running"]
        mine = next((job for job in running if job.who == who), None)
        if mine is not None:
            raise OperatorError(f"Your job {mine.number} ({mine.task.title}) still runs.", code="HW-960")
        if len(running) >= AT_ONCE:
            raise OperatorError(f"{len(running)} jobs of others run now.", code="HW-961")
        job = Job(number=self._next, who=who, task=task, began_ms=self._clock.now())
        self._next += 1
        self._jobs[job.number] = job
        self._forget(who)
        # allow task: kept in its job, which is cancelled by its owner and ends by its limit
        job.work = asyncio.get_running_loop().create_task(self._run(job))
        return job

    async def cancel(self, who: str, number: int) -> Job:
        """End a job; one that is over stays as it is."""
        job = self.job(who, number)
        if job.work is not None and not job.work.done():
            job.work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job.work
        return job

    async def close(self) -> None:
        """End all jobs."""
        for job in list(self._jobs.values()):
            await self.cancel(job.who, job.number)

    def _forget(self, who: str) -> None:
        over = [job for job in self._jobs.values() if job.state != "running"]
        mine = [job for job in over if job.who == who]
        for job in (*mine[: max(len(mine) - KEPT_EACH + 1, 0)], *over[: max(len(over) - KEPT_ALL + 1, 0)]):
            self._jobs.pop(job.number, None)

    # ------------------------------------------------------------ the process

    async def _run(self, job: Job) -> None:
        job.state = "failed"  # what is not said otherwise below has failed
        job.problem = _problem("HW-963", "The job ended without an answer.")
        state: JobState = "failed"
        try:
            job.state = "running"
            async with asyncio.timeout(self._limit_s):
                state = await self._answer(job)
        except TimeoutError:
            job.problem = _problem("HW-962", f"It took longer than {self._limit_s:.0f} s and was ended.")
        except asyncio.CancelledError:
            state, job.problem = "cancelled", None
        except (OSError, ValueError) as error:
            log.warning("a job of the lab failed", job=job.number, error=str(error)[:300])
        finally:
            job.state, job.ended_ms = state, self._clock.now()

    async def _answer(self, job: Job) -> JobState:
        with tempfile.TemporaryDirectory(prefix="hw-lab-") as place:
            for name, content in job.task.files.items():
                (Path(place) / name).write_text(content, encoding="utf-8")
            arguments = (*words_of(job.task.verb), "--json", f"--data-dir={self._folder.absolute()}", *job.task.flags)
            process = await asyncio.create_subprocess_exec(
                *self._command, *arguments, cwd=place, env=_environment(place), start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                text, last = await _listen(process, job)
                await process.wait()
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.communicate()  # what is left in its pipes, so that they close
        return _take(job, text, last)


async def _listen(process: asyncio.subprocess.Process, job: Job) -> tuple[bytes, str]:
    """Read the answer and the progress; return the answer and the last line that was no progress."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(_read(process, process.stdout))
        last = group.create_task(_follow(process.stderr, job))
    return answer.result(), last.result()


async def _read(process: asyncio.subprocess.Process, stream: asyncio.StreamReader) -> bytes:
    """Read the answer; one that has no end is cut, and is no document then."""
    text = bytearray()
    while part := await stream.read(PART):
        text += part
        if len(text) > ANSWER_MAX:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return bytes(text)
    return bytes(text)


async def _follow(stream: asyncio.StreamReader, job: Job) -> str:
    last, rest = "", b""
    while part := await stream.read(PART):
        *lines, rest = (rest + part)[-PART:].split(b"\n")
        for line in lines:
            words = line.decode(errors="replace").strip()
            if words.startswith("progress "):
                with contextlib.suppress(ValueError):
                    job.share = min(max(float(words[9:]), 0.0), 1.0)
            elif words:
                last = words
    return last


def _take(job: Job, text: bytes, last: str) -> JobState:
    document = json.loads(text) if text else {"error": _problem("HW-963", last[:300] or "The job ended by itself.")}
    if not isinstance(document, dict):
        raise ValueError("the answer is no document")
    if "error" in document:
        job.problem = document["error"]
        return "failed"
    job.answer, job.problem, job.share = document, None, 1.0
    return "done"


def _problem(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "hint": "", "findings": []}


def _environment(place: str) -> dict[str, str]:
    """Return what a job needs of our environment: no settings, no secrets, one thread."""
    package = str(Path(hashwright.__file__).parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    words = {"HOME": place, "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return {name: os.environ[name] for name in KEPT_WORDS if name in os.environ} | words

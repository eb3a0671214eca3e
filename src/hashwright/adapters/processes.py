"""One program of the owner's, run as a list of words: never through a shell, its output bounded."""

import asyncio
import contextlib
from typing import Final

from hashwright.errors import OperatorError

OUTPUT_MAX: Final = 4096


async def run_words(words: tuple[str, ...]) -> str:
    """Run a program and return what it wrote.

    Raises:
        OperatorError: it could not be started (HW-114), or ended with another code than 0 (HW-108).
    """
    name = words[0] if words else "an empty command"
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise OperatorError(f"{name} could not be started: {type(error).__name__}.", code="HW-114") from error
    assert process.stdout is not None
    try:
        output = await process.stdout.read(OUTPUT_MAX)
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code != 0:
        raise OperatorError(f"{name} refused: it ended with {code}.", code="HW-108")
    return output.decode(errors="replace")

"""Runs the command line as a person does, without a process: output, messages and exit code."""

import dataclasses

from hashwright.cli import main


@dataclasses.dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def hw(capsys, *arguments):
    """Run `hw` with these words."""
    code = main.run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return Said(code=code, out=out, err=err)

"""When a process may open no more files: machines that are there go on, and others come in again when there is room."""

import contextlib
import json
import resource
import socket
from pathlib import Path

import pytest

from functional.program import program, until

pytestmark = [pytest.mark.functional, pytest.mark.timeout(120)]
SPARE = 3
MACHINES = 20


class Machine:
    """A plain connection that asks one thing."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def is_served(self, *, patience_s=10):
        """Ask, and tell whether there was an answer; no answer in time, and a closed connection, are none."""
        self.socket.settimeout(patience_s)
        with contextlib.suppress(OSError):
            self.socket.sendall(b'{"id":7,"method":"mining.ping","params":[]}\n')
            return json.loads(self.file.readline() or b"null") is not None
        return False

    def close(self):
        self.file.close()
        self.socket.close()


def comes_in(port):
    machine = Machine(port)
    try:
        return machine.is_served(patience_s=2)
    finally:
        machine.close()


def limit_files(process_id, count):
    _, hard = resource.prlimit(process_id, resource.RLIMIT_NOFILE)
    resource.prlimit(process_id, resource.RLIMIT_NOFILE, (count, hard))


def test_old_machines_go_on_and_new_ones_come_in_when_there_is_room(tmp_path):
    with program(tmp_path) as hw:
        hw.run("pool", "add", "toy", "--node", "practice")
        old = Machine(hw.port)
        assert old.is_served()
        process_id = hw.process.pid
        limit_files(process_id, len(list(Path(f"/proc/{process_id}/fd").iterdir())) + SPARE)
        crowd = [Machine(hw.port) for _ in range(MACHINES)]
        served = [machine.is_served(patience_s=1) for machine in crowd]
        assert not all(served), "the limit is real"
        assert old.is_served()
        for machine in crowd:
            machine.close()
        until(lambda: comes_in(hw.port), what="a new machine, now that there is room")
        assert old.is_served()
        assert hw.process.poll() is None
        old.close()

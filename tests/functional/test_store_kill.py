"""kill -9 of a writing process, again and again: what it said was durable is there, once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hashwright.store.sqlite import SqliteStore
from unit.store.making import sums_of_journal

KILLS = 6
ACKS_BEFORE_KILL = (1, 40, 7, 90, 23, 150)
CHILD = """
import os, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from unit.store.making import make_batch
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter

store = SqliteStore.open(Path(sys.argv[1]))
boot = store.next_boot()
room = threading.Semaphore(4)

def acknowledged(seq):
    os.write(1, b"%d\\n" % seq)
    room.release()

writer = GroupCommitWriter(store.connect, acknowledged, lambda failure: os._exit(9), checkpoint_bytes=20_000)
seq = writer.committed_seq + 1
while True:
    assert room.acquire(timeout=30)
    writer.submit(make_batch(seq, 1 + seq % 7, worker=f"acme.rig{boot}"))
    if seq % 5 == 0:
        writer.submit_snapshot(seq - 1, b"state")
    seq += 1 + seq % 7
"""


def acknowledged_until_killed(folder, count):
    """Run the child until it has acknowledged that many batches, kill it, and read all it ever said."""
    command = [sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        acked = [int(child.stdout.readline()) for _ in range(count)]
        os.kill(child.pid, signal.SIGKILL)
        acked += [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
        assert child.wait(20) == -signal.SIGKILL
    return acked


@pytest.mark.functional
def test_no_acknowledged_batch_is_lost_or_doubled_by_kill_9(tmp_path):
    acked = []
    for count in ACKS_BEFORE_KILL[:KILLS]:
        acked += acknowledged_until_killed(tmp_path, count)
        reader = SqliteStore.open(tmp_path, readonly=True)
        batches = list(reader.read_batches(0))
        stored = [batch.last_seq for batch in batches]
        assert set(acked) <= set(stored)
        assert len(stored) == len(set(stored))
        assert reader.check(deep=True) == []
        shares = sum(total.shares for total in reader.work_totals(0))
        assert shares == sum(count for count, _ in sums_of_journal(batches).values()) == stored[-1]
    assert acked == sorted(set(acked))
    assert len(acked) >= sum(ACKS_BEFORE_KILL)
    owner = SqliteStore.open(tmp_path)
    assert owner.next_boot() == KILLS + 1
    owner.close()

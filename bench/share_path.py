"""Where the time of one share goes: each step alone, in one process, 12 merkle branches. python bench/share_path.py"""

import hashlib
import timeit

from hashwright.chain.proof import sha256d
from hashwright.clock import ManualClock
from hashwright.pool import judge
from hashwright.pool.events import (
    AuthorizeAsked,
    DestinationSet,
    ProcessStarted,
    SessionOpened,
    ShareHashed,
    SubscribeAsked,
    TemplateSeen,
)
from hashwright.pool.work import Rolled
from hashwright.runtime.engines import Engines
from hashwright.runtime.kernel import Kernel
from hashwright.stratum.server import ServerSession

ROUNDS = 20_000


class Nothing:
    def submit(self, batch):
        pass

    def call_later(self, delay, callback):
        pass


def main():
    branch = tuple(hashlib.sha256(bytes([i])).digest() for i in range(12))
    kernel = Kernel(
        Engines(), clock=ManualClock(1), writer=Nothing(), timer=Nothing(), perform=lambda effect: None, next_seq=1
    )
    for event in (
        ProcessStarted(1, "bench"),
        DestinationSet("d", "bitcoin", "main", "sha256d", b"\x51", b"/bench/", 1e-12, 1e-12, 6.0, False),
        TemplateSeen("d", 1, 800_000, 0x20000000, bytes(32), 0x1705AE3A, 1_800_000_000, 1_799_999_000, 1, b"", branch),
        SessionOpened(1, "l", "d", "p"),
        SubscribeAsked(1, 1, "bench"),
        AuthorizeAsked(1, 2, "farm.r1", "d=0.000000000233"),
    ):
        kernel.handle(event)
    job_id = kernel.pool.destinations["d"].job
    job, terms = judge.find_job(kernel.pool, 1, job_id)
    session = ServerSession()
    session.receive_data(b'{"id":1,"method":"mining.subscribe","params":["b"]}\n')
    session.subscribed(1, b"\0\0\0\0", 8)
    session.receive_data(b'{"id":2,"method":"mining.authorize","params":["farm.r1","x"]}\n')
    session.authorized(2, "farm.r1")
    line = b'{"id":9,"method":"mining.submit","params":["farm.r1","%s","0000000000000001","6b49d200","0000abcd"]}\n'
    line %= job_id.encode()
    rolled = Rolled(bytes(8), job.ntime, 1, None)
    header = judge.input_of((job, terms), rolled)
    numbers = iter(range(10**9))

    def handle():
        hash_le = next(numbers).to_bytes(32, "little")
        kernel.handle(ShareHashed(1, 9, "farm.r1", job_id, bytes(8), job.ntime, 1, None, hash_le))

    steps = {
        "read the line (stratum)": lambda: session.receive_data(line),
        "coinbase, 12 merkle steps, header": lambda: judge.input_of((job, terms), rolled),
        "sha256d of the header": lambda: sha256d(header),
        "event, judgement, effects, journal entry (kernel)": handle,
        "write the answer (stratum)": lambda: session.share_answer(9, "accepted"),
    }
    for name, step in steps.items():
        best = min(timeit.repeat(step, number=ROUNDS, repeat=5)) / ROUNDS
        print(f"{best * 1e6:6.1f} microseconds  {name}")


if __name__ == "__main__":
    main()

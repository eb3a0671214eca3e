"""A seeded, bounded fuzzer for CryptoNote's Stratum: `python fuzz/blob_lines.py --seed 1 --sessions 500`.

Lines of real machines and pools, broken in the same ways as in `stratum_lines`, which does the breaking. The same seed
gives the same bytes; `check_server` and `check_client` state what must hold whatever comes.
"""

import argparse
import importlib.util
import json
import pathlib
import random
from collections.abc import Iterator

from hashwright.stratum.cryptonote.client import BlobClientSession
from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, Login
from hashwright.stratum.cryptonote.server import BlobServerSession, Stage
from hashwright.stratum.messages import Fault
from hashwright.stratum.server import PROBLEMS_LIMIT

_path = pathlib.Path(__file__).with_name("stratum_lines.py")
_spec = importlib.util.spec_from_file_location("stratum_lines", _path)
assert _spec is not None
assert _spec.loader is not None
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)

JOB = {
    "blob": "10" * 76, "job_id": "1a", "target": "b88d0600", "algo": "rx/0", "height": 3_000_000,
    "seed_hash": "aa" * 32, "next_seed_hash": "bb" * 32, "id": "5",
}  # fmt: skip
REQUESTS = (
    ("login", {"login": "4" * 95 + ".rig+5000", "pass": "x", "agent": "XMRig/6.26.0", "rigid": "", "algo": ["rx/0"]}),
    ("login", {"login": "kai", "pass": "x", "agent": "old", "algo": ["cn/r"]}),
    ("submit", {"id": "5", "job_id": "1a", "nonce": "d0030040", "result": "e1" * 32, "algo": "rx/0"}),
    ("submit", {"id": "5", "job_id": "1a", "nonce": "00000000", "result": "00" * 32}),
    ("keepalived", {"id": "5"}),
    ("getjob", {"id": "5"}),
    ("job", JOB),
)
RESULTS = (None, {"status": "OK"}, {"id": "5", "job": JOB, "status": "OK"}, {"status": "KEEPALIVED"}, True, [])


def line_of(rng: random.Random) -> bytes:
    """Return one line as a peer would send it, with its line end."""
    request = rng.choice((None, 1, 2, 3, "a", rng.randrange(2**33)))
    head = {"id": request, "jsonrpc": "2.0"}
    if rng.random() < 0.3:
        error = rng.choice((None, None, {"code": -1, "message": "Block expired"}, "text"))
        return json.dumps({**head, "result": rng.choice(RESULTS), "error": error}).encode() + b"\n"
    method, params = rng.choice(REQUESTS)
    return json.dumps({**head, "method": method, "params": params}).encode() + b"\n"


def stream_of(seed: int, count: int = 40) -> bytes:
    """Return what one fuzzed peer sends in all."""
    return b"".join(_lines_of(seed, count))


def _lines_of(seed: int, count: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    share_broken = rng.choice((0.03, 0.15, 0.6))
    for _ in range(count):
        line = line_of(rng)
        while rng.random() < share_broken:
            line = plain.broken(line, rng) or b"\n"
        yield line


def check_server(stream: bytes, seed: int) -> BlobServerSession:
    """Feed a server session whose engine grants everything, and state what must hold."""
    session = BlobServerSession(algorithm="rx/0")
    replies = bytearray()
    for chunk in plain.chunks_of(stream, seed):
        for message in session.receive_data(chunk):
            replies += _granted(session, message)
        replies += session.output
        session.output.clear()
    for line in replies.splitlines():
        answer = json.loads(line)
        assert set(answer) in ({"id", "jsonrpc", "error"}, {"id", "jsonrpc", "error", "result"})
    assert bool(session.should_close) == (session.stage is Stage.CLOSED)
    assert len(session.workers) <= 1
    assert len(session.problems) <= min(PROBLEMS_LIMIT, session.garbage)
    assert all(problem.isascii() and problem.isprintable() for problem in session.problems)
    return session


def _granted(session: BlobServerSession, message: object) -> bytes:
    match message:
        case Login(user=user):
            session.admitted(user)
            return session.job(BlobJobSent("1a", bytes(76), 2**60, "rx/0", 1, bytes(32), b""))
        case BlobShare() as share:
            assert session.workers
            assert len(share.result_le) == 32
            assert 0 <= share.nonce < 2**32
            return session.share_answer(share.request, "accepted")
        case _:
            return b""


def check_client(stream: bytes, seed: int) -> BlobClientSession:
    """Feed a client session that has questions open, and state what must hold."""
    session = BlobClientSession(agent="fuzz", algorithm="rx/0")
    session.login("kai")
    session.submit(BlobShare(None, "1a", 0, bytes(32), ""))
    session.keep_alive()
    is_closed = False
    for chunk in plain.chunks_of(stream, seed):
        for message in session.receive_data(chunk):
            assert not is_closed, "nothing comes after a fatal fault"
            is_closed = isinstance(message, Fault) and message.is_fatal
            if isinstance(message, BlobJobSent):
                assert 0 < message.target_64 < 2**64
                assert len(message.seed) == 32
    assert is_closed == bool(session.should_close)
    return session


def main() -> None:
    """Run a number of sessions of both sides and say what became of them."""
    parser = argparse.ArgumentParser(description="Fuzz CryptoNote's Stratum with seeded lines.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=500)
    options = parser.parse_args()
    closed = 0
    for seed in range(options.seed, options.seed + options.sessions):
        stream = stream_of(seed)
        closed += bool(check_server(stream, seed).should_close) + bool(check_client(stream, seed).should_close)
    print(f"{2 * options.sessions} sessions from seed {options.seed}: none raised, {closed} were closed")


if __name__ == "__main__":
    main()

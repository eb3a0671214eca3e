"""A seeded, bounded fuzzer for the Stratum sessions: `python fuzz/stratum_lines.py --seed 1 --sessions 500`.

It starts from lines that real firmware sends and breaks them in the ways that are seen: bytes changed, lost, doubled,
cut, other types, huge numbers, deep nesting, foreign digits. The same seed gives the same bytes. `stream_of` can be fed
to a real server too; `check_server` and `check_client` feed a session and state what must hold whatever comes.
"""

import argparse
import json
import random
from collections.abc import Iterator

from hashwright.stratum.client import ClientSession
from hashwright.stratum.messages import Authorize, Configure, Fault, Submit, Subscribe
from hashwright.stratum.server import PROBLEMS_LIMIT, WORKERS_LIMIT, ServerSession
from hashwright.stratum.states import State

REQUESTS = (
    (
        "mining.configure",
        [["version-rolling"], {"version-rolling.mask": "1fffe000", "version-rolling.min-bit-count": 2}],
    ),
    ("mining.subscribe", ["cgminer/4.11.1", "57a6f098"]),
    ("mining.authorize", ["acct.rig", "d=1024"]),
    ("mining.extranonce.subscribe", []),
    ("mining.suggest_difficulty", [512]),
    ("mining.submit", ["acct.rig", "1a", "0a00000000000000", "64c25820", "591d28da", "00092000"]),
    ("mining.ping", []),
    ("mining.get_transactions", ["1a"]),
    ("mining.set_difficulty", [699.5]),
    ("mining.set_extranonce", ["11650804", 8]),
    ("mining.set_version_mask", ["1fffe000"]),
    ("mining.notify", ["1a", "00" * 32, "01", "02", ["aa" * 32], "20000004", "17053026", "64c25820", True]),
    ("client.reconnect", ["pool.example", 3333, 5]),
    ("client.show_message", ["hello"]),
    ("client.get_version", []),
)
RESULTS = (
    True,
    False,
    None,
    [[["mining.notify", "1"]], "11650804", 8],
    {"version-rolling": True, "version-rolling.mask": "ffffffff"},
)
ODD_TEXTS = (
    b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"9" * 400, b"9223372036854775808", b"1.5", b'""', b"[]", b"{}",
    b"[" * 2000, b'{"a":' * 500, b'"\\u0000"', b'"\\ud800"', b'"\xff\xfe"', b'"64_25820"', b'" 4c25820"',
    '"٣٣٣٣٣٣٣٣"'.encode(), b'"' + b"a" * 300 + b'"', b"\x00", b"\r", b"\n", b"\xef\xbb\xbf", b'"0x64c258"',
    b'"64C25820"',
)  # fmt: skip


def line_of(rng: random.Random) -> bytes:
    """Return one line as a peer would send it, with its line end."""
    request = rng.choice((None, 1, 2, 3, 4, 5, "a", rng.randrange(2**33)))
    if rng.random() < 0.2:
        error = rng.choice((None, None, [21, "Job not found", None], {"code": 20, "message": "x"}, "text"))
        return json.dumps({"id": request, "result": rng.choice(RESULTS), "error": error}).encode() + b"\n"
    method, params = rng.choice(REQUESTS)
    return json.dumps({"id": request, "method": method, "params": params}).encode() + b"\n"


def broken(line: bytes, rng: random.Random) -> bytes:
    """Return the line with one thing wrong with it."""
    place = rng.randrange(len(line))
    match rng.randrange(7):
        case 0:
            return line[:place] + bytes([rng.randrange(256)]) + line[place + 1 :]
        case 1:
            return line[:place] + line[place + 1 :]
        case 2:
            return line[:place] + rng.randbytes(rng.randrange(1, 9)) + line[place:]
        case 3:
            return line[:place] + line[place // 2 :]
        case 4:
            return line[:place] + rng.choice(ODD_TEXTS) + line[place:]
        case 5:
            return _with_odd_value(line, rng)
        case _:
            return line[:place]


def _with_odd_value(line: bytes, rng: random.Random) -> bytes:
    parts = line.split(b",")
    position = rng.randrange(len(parts))
    head, colon, _ = parts[position].rpartition(b":")
    parts[position] = head + colon + rng.choice(ODD_TEXTS)
    return b",".join(parts)


def lines_of(seed: int, count: int) -> Iterator[bytes]:
    """Return `count` lines; the seed decides whether few of them are broken, which comes far, or many."""
    rng = random.Random(seed)
    share_broken = rng.choice((0.03, 0.15, 0.6))
    for _ in range(count):
        line = line_of(rng)
        while rng.random() < share_broken:
            line = broken(line, rng) or b"\n"
        yield line


def stream_of(seed: int, count: int = 40) -> bytes:
    """Return what one fuzzed peer sends in all."""
    return b"".join(lines_of(seed, count))


def chunks_of(stream: bytes, seed: int) -> Iterator[bytes]:
    """Cut a stream into chunks as a network would."""
    rng = random.Random(seed)
    position = 0
    while position < len(stream):
        size = rng.choice((1, 2, 7, 64, 1400))
        yield stream[position : position + size]
        position += size


def check_server(stream: bytes, seed: int) -> ServerSession:
    """Feed a server session whose engine grants everything, and state what must hold."""
    session = ServerSession()
    replies = bytearray()
    for chunk in chunks_of(stream, seed):
        for message in session.receive_data(chunk):
            replies += _granted(session, message)
        replies += session.output
        session.output.clear()
    for line in replies.splitlines():
        assert set(json.loads(line)) == {"id", "result", "error"}
    assert bool(session.should_close) == (session.state is State.CLOSED)
    assert len(session.workers) <= WORKERS_LIMIT
    assert len(session.problems) <= min(PROBLEMS_LIMIT, session.garbage)
    assert all(problem.isascii() and problem.isprintable() for problem in session.problems)
    return session


def _granted(session: ServerSession, message: object) -> bytes:
    match message:
        case Subscribe(request=request):
            return session.subscribed(request, b"\x11\x65\x08\x04", 8)
        case Authorize(request=request, user=user):
            return session.authorized(request, user)
        case Configure(request=request, extensions=extensions, mask=mask):
            return session.configured(request, extensions, mask and mask & 0x1FFFE000, None)
        case Submit() as share:
            assert session.state in (State.READY, State.CLOSED), "a later line of the chunk may have closed it"
            assert share.worker in session.workers
            assert len(share.extranonce2) <= 16
            assert max(share.ntime, share.nonce, share.version_bits or 0) < 2**32
            return session.share_answer(share.request, "accepted")
        case _:
            return b""


def check_client(stream: bytes, seed: int) -> ClientSession:
    """Feed a client session that has questions open, and state what must hold."""
    session = ClientSession(agent="fuzz")
    session.configure(mask=0x1FFFE000)
    session.subscribe()
    session.authorize("acct.rig")
    session.submit(Submit(None, "acct.rig", "1a", bytes(8), 0, 0, None))
    is_closed = False
    for chunk in chunks_of(stream, seed):
        for message in session.receive_data(chunk):
            assert not is_closed, "nothing comes after a fatal fault"
            is_closed = isinstance(message, Fault) and message.is_fatal
    assert is_closed == bool(session.should_close)
    for line in bytes(session.output).splitlines():
        json.loads(line)
    return session


def main() -> None:
    """Run a number of sessions of both sides and say what became of them."""
    parser = argparse.ArgumentParser(description="Fuzz the Stratum sessions with seeded lines.")
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

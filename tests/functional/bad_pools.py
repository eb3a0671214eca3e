"""Pools that do everything wrong, one a port: a process that prints the ports and serves until it is killed."""

import asyncio
import contextlib
import json

JOB = ["j1", "11" * 32, "01" * 40, "02" * 40, [], "20000000", "1d00ffff", "6a000000", True]


def answer(request, result):
    return json.dumps({"id": request["id"], "result": result, "error": None}).encode() + b"\n"


def say(method, *params):
    return json.dumps({"id": None, "method": method, "params": list(params)}).encode() + b"\n"


def greet(request, *, size=8):
    """What a good pool answers."""
    answers = {
        "mining.configure": {"version-rolling": False},
        "mining.subscribe": [[["mining.notify", "1"]], "aabbccdd", size],
        "mining.authorize": True,
        "mining.extranonce.subscribe": True,
        "mining.submit": True,
    }
    return answer(request, answers[request["method"]])


async def silent(_reader, _writer, _requests):
    await asyncio.sleep(3600)


async def garbage(_reader, writer, _requests):
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>" + b"x" * 100 + b"</html>\n" * 50)


async def endless_line(_reader, writer, _requests):
    for _ in range(400):
        if writer.is_closing():
            return
        writer.write(b"[" * 8192)
        await writer.drain()


async def flood(_reader, writer, requests):
    async for request in requests:
        writer.write(greet(request))
        if request["method"] == "mining.authorize":
            lines = [say("mining.notify", f"j{number}", *JOB[1:]) for number in range(20_000)]
            writer.write(b"".join(lines))
            await writer.drain()


async def half_closed(_reader, writer, requests):
    async for request in requests:
        writer.write(greet(request))
        if request["method"] == "mining.authorize":
            writer.write(say("mining.set_difficulty", 0.000005) + say("mining.notify", *JOB))
            writer.write_eof()
            await asyncio.sleep(3600)


def with_difficulty(value):
    async def serve(_reader, writer, requests):
        async for request in requests:
            writer.write(greet(request))
            if request["method"] == "mining.authorize":
                line = b'{"id":null,"method":"mining.set_difficulty","params":[%b]}\n' % value
                writer.write(line + say("mining.notify", *JOB))

    return serve


def with_extranonce2(size):
    async def serve(_reader, writer, requests):
        async for request in requests:
            writer.write(greet(request, size=size))
            if request["method"] == "mining.authorize":
                writer.write(say("mining.set_difficulty", 0.000005) + say("mining.notify", *JOB))

    return serve


async def refuses_all(_reader, writer, requests):
    async for request in requests:
        if request["method"] == "mining.submit":
            error = [24, "Unauthorized worker", None]
            writer.write(json.dumps({"id": request["id"], "result": None, "error": error}).encode() + b"\n")
            continue
        writer.write(greet(request))
        if request["method"] == "mining.authorize":
            writer.write(say("mining.set_difficulty", 0.000005) + say("mining.notify", *JOB))


async def never_answers_shares(_reader, writer, requests):
    async for request in requests:
        if request["method"] != "mining.submit":
            writer.write(greet(request))
        if request["method"] == "mining.authorize":
            writer.write(say("mining.set_difficulty", 0.000005) + say("mining.notify", *JOB))


BAD = {
    "silent": silent,
    "garbage": garbage,
    "endless": endless_line,
    "flood": flood,
    "halfclosed": half_closed,
    "zero": with_difficulty(b"0"),
    "negative": with_difficulty(b"-5"),
    "nan": with_difficulty(b"NaN"),
    "huge": with_difficulty(b"1e300"),
    "tiny": with_extranonce2(1),
    "nothing": with_extranonce2(0),
    "refuses": refuses_all,
    "mute": never_answers_shares,
}


def handler(name):
    async def requests(reader):
        while line := await reader.readline():
            yield json.loads(line)

    async def handle(reader, writer):
        with contextlib.suppress(OSError, ValueError, KeyError):
            await BAD[name](reader, writer, requests(reader))
        writer.close()

    return handle


async def main():
    servers = [await asyncio.start_server(handler(name), "127.0.0.1", 0) for name in BAD]
    ports = {name: server.sockets[0].getsockname()[1] for name, server in zip(BAD, servers, strict=True)}
    print(json.dumps(ports), flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main())

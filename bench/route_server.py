"""The router under test: the real Hashwright with upstreams, started by bench/route.py as its own process.

Arguments: DIFFICULTY, then NAME=PORT of each upstream (on loopback): the first gets all and the others are warm
stand-bys, unless the last argument is `split`: then all get the same.
"""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from hashwright.routing.events import RouteSet, Target
from hashwright.runtime.config import load_config
from hashwright.runtime.upstream_settings import parse_upstream
from hashwright.runtime.wiring import Hashwright


async def main(difficulty, upstreams, *, is_split):
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build") as folder:
        config = load_config(environ={}, file=None, flags={"data_dir": folder, "listen": "sha256d=127.0.0.1:0"})
        app = Hashwright(config)
        await app.start()
        for name, port in upstreams:
            app.set_destination(
                parse_upstream(
                    {
                        "name": name,
                        "urls": [f"stratum+tcp://127.0.0.1:{port}"],
                        "user": "bench.router",
                        "password": f"d={difficulty:.12f}",
                        "start_difficulty": difficulty,
                        "minimum_difficulty": 1e-12,
                    }
                )
            )
        names = [name for name, _ in upstreams]
        targets = tuple(Target(name, "share", 1.0) for name in (names if is_split else names[:1]))
        app.kernel.handle(RouteSet("sha256d", targets, tuple(names[1:]), "", 0, "bench"))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, app.supervisor.stop)
        while not all(app.kernel.pool.destinations[name].state == "ready" for name in names):
            await asyncio.sleep(0.01)
        print("port", app.shell.listeners[0].port, folder, flush=True)
        await app.supervisor.wait()
        await app.stop()


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    Path("build").mkdir(exist_ok=True)
    difficulty, *rest = sys.argv[1:]
    pairs = [argument.partition("=") for argument in rest if "=" in argument]
    uvloop.run(main(float(difficulty), [(name, int(port)) for name, _, port in pairs], is_split="split" in rest))

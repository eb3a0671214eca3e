"""`hw up`: Hashwright in the foreground, until Ctrl-C or SIGTERM."""

import contextlib
from typing import TYPE_CHECKING

import rich_click as click

import hashwright
from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal

if TYPE_CHECKING:
    import asyncio

    from hashwright.runtime.config import Config
    from hashwright.runtime.wiring import Hashwright


@click.command(cls=Command)
@click.option("--listen", multiple=True, metavar="ALGO=HOST:PORT", help="Where machines connect; may be repeated.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="The least important line.")
@click.option("--log-format", type=click.Choice(["auto", "text", "json"]), help="auto: text on a terminal, else JSON.")
@click.option(
    "--postgres-url-from", metavar="REF", help="Where a PostgreSQL address is: file:PATH, env:NAME, credential:NAME."
)
@click.option("--fail-safe", is_flag=True, help="At an orderly end put machines to sleep whose fail_safe is sleep.")
@pass_terminal
def up(terminal: Terminal, /, listen: tuple[str, ...], fail_safe: bool, **flags: str | None) -> None:
    """Run Hashwright in the foreground.

    Ctrl-C or SIGTERM ends it within five seconds. Every start is a recovery, so a power cut loses no share that was
    answered. Listeners are on loopback until you name another address.

    Example: hw up --listen sha256d=192.168.1.20:3333
    """
    config = terminal.load_config(listen=listen or None, fail_safe="yes" if fail_safe else None, **flags)
    serve(terminal, config)


def serve(terminal: Terminal, config: "Config") -> None:
    """Run until a signal asks for an end."""
    import asyncio

    from hashwright.runtime import logs
    from hashwright.runtime.notify_systemd import keep_watchdog, notify
    from hashwright.runtime.system import calm_collector
    from hashwright.runtime.web_process import keep_web
    from hashwright.runtime.wiring import Hashwright

    colors = False if terminal.no_color or terminal.is_plain else None
    is_text = logs.configure(level=config.log_level, log_format=config.log_format, colors=colors)

    def tell_ready(app: "Hashwright") -> None:
        app.supervisor.start("watchdog", keep_watchdog)
        if config.web_start == "yes":
            app.supervisor.start("web", lambda: keep_web(config))
        notify("READY=1\nSTATUS=Machines may connect.")
        if is_text:
            for line in start_lines(app):
                terminal.note(line)

    async def work() -> None:
        running = Hashwright(config)
        await running.run(on_ready=lambda: tell_ready(running))
        notify("STOPPING=1")

    calm_collector()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(work())


def loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """Return uvloop's loop where there is one."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.Loop
    return None


def start_lines(app: "Hashwright") -> list[str]:
    """Say where machines connect, where the data is, and in which mode this runs."""
    from hashwright.cli.overview import mode_of
    from hashwright.runtime.commands import status_of

    status = status_of(app)
    lines = [f"Hashwright {hashwright.__version__} runs. Ctrl-C ends it."]
    lines += [f"  machines  {item['url']}  ({item['algorithm']})" for item in status["listeners"]]
    lines += [f"  data      {app.config.data_dir}", f"  mode      {mode_of(status['destinations'])}"]
    if not status["destinations"]:
        lines.append("  next      hw pool add --help")
    return lines

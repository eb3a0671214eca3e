"""`hw pool add`: one destination, from the flags to the checks to the database. A node of your own, or an upstream."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.pool import PRACTICE_ADDRESSES, PRACTICE_START_BITS, ask_process
from hashwright.cli.terminal import Terminal, clean
from hashwright.errors import ConfigError, HashwrightError, OperatorError, Unavailable
from hashwright.signals import ORDER_PREFIX, is_order

if TYPE_CHECKING:
    from hashwright.runtime.checks import Check

GONE = ("HW-414", "HW-403", "HW-412", "HW-430")
"""What passes by itself: with --anyway such a destination is saved all the same."""
CHECK_S = 90.0
"""More than all checks together may take."""
ZMQ_KEYS = {"monerod": "zmq_pub"}
"""What a kind of node calls its announcements, where it is not bitcoind's word."""
NODE_ONLY = {
    "address": "--address", "node": "--node", "rpc_url": "--rpc-url", "cookie_file": "--cookie-file",
    "rpc_user": "--rpc-user", "rpc_password_from": "--rpc-password-from", "fallback_rpc_url": "--fallback-rpc-url",
    "zmq": "--zmq", "tag": "--tag", "block_interval": "--block-interval",
    "scheme": "--scheme", "pool_fee": "--pool-fee", "pplns_window": "--pplns-window",
    "reserve_floor": "--reserve-floor",
}  # fmt: skip
UPSTREAM_ONLY = {
    "user": "--user", "password": "--password", "password_from": "--password-from", "algorithm": "--algo",
    "names": "--names", "name_map": "--name-map", "solo_address": "--solo-address", "pin_sha256": "--pin-sha256",
    "reconnect_host": "--reconnect-host", "no_version_rolling": "--no-version-rolling",
    "stay_on_mismatch": "--stay-on-mismatch",
}  # fmt: skip


@click.command(cls=Command)
@click.argument("name")
@click.option("--coin", help="What is mined: bitcoin, litecoin, monero. [bitcoin for an own node]")
@click.option("--network", help="main, test or regtest; Monero also stage. [main; regtest for practice]")
@click.option("--address", help="Own node: who is paid, an address of that coin and network.")
@click.option(
    "--node", type=click.Choice(["bitcoind", "monerod", "practice"]), help="Own node: its kind. [that of the coin]"
)
@click.option("--rpc-url", metavar="URL", help="The node's RPC, such as http://127.0.0.1:8332, of monerod 18081.")
@click.option("--cookie-file", metavar="FILE", help="The node's .cookie, instead of user and password.")
@click.option("--rpc-user", metavar="USER", help="The node's RPC user.")
@click.option("--rpc-password-from", metavar="REF", help="file:PATH, env:NAME or credential:NAME; never the password.")
@click.option(
    "--fallback-rpc-url", metavar="URL", multiple=True, help="Another node for when the first is away. May be repeated."
)
@click.option(
    "--zmq", metavar="URL", help="The node's zmqpubhashblock, of monerod --zmq-pub, to hear of new blocks at once."
)
@click.option("--tag", metavar="TEXT", help="Own node: text in the coinbase of your blocks. [/Hashwright/]")
@click.option(
    "--scheme", type=click.Choice(["solo", "pplns", "pps", "fpps"]),
    help="Own node: how blocks are divided among members, who are the part of a worker's name before its first dot.",
)  # fmt: skip
@click.option("--pool-fee", type=click.FloatRange(0, 50), metavar="PERCENT", help="With --scheme: the pool's part. [1]")
@click.option(
    "--pplns-window", type=click.FloatRange(0.01, 100), metavar="BLOCKS",
    help="With --scheme pplns: how many blocks' worth of work shares in a block. [2]",
)  # fmt: skip
@click.option(
    "--reserve-floor", type=click.IntRange(0, 1_000_000), metavar="PERCENT",
    help="With --scheme pps or fpps: the least the reserve may hold, in percent of what a block is worth. [100]",
)  # fmt: skip
@click.option("--block-interval", type=float, metavar="SECONDS", help="Practice only: time between blocks. [15]")
@click.option(
    "--upstream",
    metavar="URL",
    multiple=True,
    help="Somebody else's pool, or nicehash to sell there; repeated: its fall-backs, in order.",
)
@click.option("--user", metavar="USER", help="Upstream: your account there, such as kai or kai.main.")
@click.option("--password", metavar="TEXT", help="Upstream: no secret, such as x or d=1024. [x]")
@click.option("--password-from", metavar="REF", help="Upstream: file:PATH, env:NAME or credential:NAME.")
@click.option(
    "--algo", "algorithm", type=click.Choice(["sha256d", "scrypt", "randomx"]), help="Upstream: hash. [of the coin]"
)
@click.option(
    "--names", type=click.Choice(["account", "workers", "mapped"]),
    help="Upstream: who it sees: one account, each worker by its rig, or as in --name-map. [account]",
)  # fmt: skip
@click.option(
    "--name-map", metavar="WORKER=USER", multiple=True, help="Upstream: with --names mapped. May be repeated."
)
@click.option("--solo-address", metavar="ADDRESS", help="Upstream: its coinbase must pay this address (needs --coin).")
@click.option("--stay-on-mismatch", is_flag=True, help="Upstream: alert only when it pays somebody else; do not leave.")
@click.option("--pin-sha256", metavar="HEX", help="Upstream: fingerprint of its certificate; no other is spoken to.")
@click.option("--reconnect-host", metavar="HOST", multiple=True, help="Upstream: may send us there. May be repeated.")
@click.option("--no-version-rolling", is_flag=True, help="Upstream: never ask it for version rolling.")
@click.option("--start-difficulty", type=float, help="Difficulty of a new machine.")
@click.option("--minimum-difficulty", type=float, help="Lowest difficulty of a machine.")
@click.option("--shares-per-minute", type=float, help="How often each machine should send a share. [6]")
@click.option("--dry-run", is_flag=True, help="Check and show only; save nothing.")
@click.option("--anyway", is_flag=True, help="Save although it does not answer, or the node is not synced yet.")
@pass_terminal
def add(terminal: Terminal, /, dry_run: bool, anyway: bool, **flags: Any) -> None:  # noqa: ANN401 (one a setting)
    """Add a destination, or change the one of that name: a node of your own, or with --upstream somebody else's pool.

    Everything is checked first. A node: the coin, the address, the node, its network, its template, and whether it
    reads your address as we do. An upstream: each of its addresses, certificate, user, first job, and whom that pays.
    Nothing is saved when a check fails. A --password-from names where the password is.

    Example: hw pool add home --address bc1q... --cookie-file ~/.bitcoin/.cookie --zmq tcp://127.0.0.1:28332

    Example: hw pool add xmr --coin monero --address 4... --zmq tcp://127.0.0.1:18083

    Example: hw pool add far --upstream stratum+ssl://pool.example:3334 --user kai.main

    Example: hw pool add sell --upstream nicehash --user NHb....rig

    Example: hw pool add toy --node practice
    """
    config = terminal.load_config()
    destination = destination_of(flags)
    checks = run_async(_check(config.data_dir, destination, needs_process=not dry_run))
    refusal = refusal_of(checks, anyway=anyway)
    if not terminal.is_json:
        _tick_all(terminal, checks, is_refused=refusal is not None)
    if refusal is not None:
        raise refusal
    saved = None if dry_run else run_async(ask_process(config.data_dir, "pool-add", destination=destination))
    _tell_added(terminal, destination, checks, is_saved=saved is not None)


# ---------------------------------------------------------------- from flags to settings


def destination_of(flags: dict[str, Any]) -> dict[str, Any]:
    """Make the settings of a destination from the flags; what was not given is left to its default.

    Raises:
        UsageError: a flag of the other kind of destination was given.
        ConfigError: an address holds a password, or a name map cannot be read.
    """
    is_upstream = bool(flags["upstream"])
    foreign, why = (NODE_ONLY, "own nodes; this is an --upstream") if is_upstream else (UPSTREAM_ONLY, "an --upstream")
    given = [flag for key, flag in foreign.items() if flags[key]]
    if given:
        raise click.UsageError(f"{', '.join(given)}: only for {why}.", click.get_current_context(silent=True))
    if flags["name"] == "auto":
        raise _refusal("A destination cannot be called auto: that word takes a pin away in hw route move.", "HW-701")
    if is_order(flags["name"]):
        text = f"A destination cannot be called {flags['name']}: names that begin with {ORDER_PREFIX} are orders' own."
        raise _refusal(text, "HW-701")
    for flag in ("rpc_url", "fallback_rpc_url", "upstream"):
        _refuse_password(flag, flags[flag] or "")
    settings = _upstream_of(flags) if is_upstream else _node_of(flags)
    settings |= {key: flags[key] for key in ("start_difficulty", "minimum_difficulty", "shares_per_minute")
                 if flags[key] is not None}  # fmt: skip
    return {"name": flags["name"], **settings}


def _refuse_password(flag: str, urls: str | tuple[str, ...]) -> None:
    if any("@" in url for url in ((urls,) if isinstance(urls, str) else urls)):
        where = "--user and --password-from" if flag == "upstream" else "--rpc-user, and --rpc-password-from file:PATH"
        name = flag.replace("_", "-")
        raise _refusal(f"The --{name} holds a user or a password.", "HW-702", f"Leave it out of the address: {where}.")


def _node_of(flags: dict[str, Any]) -> dict[str, Any]:
    coin = flags["coin"] or ("monero" if flags["node"] == "monerod" else "bitcoin")
    node = flags["node"] or ("monerod" if algorithm_of(coin) == "randomx" else "bitcoind")
    is_practice = node == "practice"
    own = _node_settings(flags, coin, node)
    settings = {
        "coin": coin,
        "network": flags["network"] or ("regtest" if is_practice else "main"),
        "address": flags["address"] or (PRACTICE_ADDRESSES.get(coin, "") if is_practice else ""),
        "node": node,
        "node_settings": own,
        "fallback_nodes": [_fallback_node(node, own, url) for url in flags["fallback_rpc_url"]] or None,
        "coinbase_tag": flags["tag"],
        "start_difficulty": 1e-5 if is_practice else None,
        "scheme": flags["scheme"],
        "scheme_settings": _scheme_settings(flags) or None,
    }
    return {key: value for key, value in settings.items() if value is not None}


def _scheme_settings(flags: dict[str, Any]) -> dict[str, int]:
    """Write percent and blocks as the whole numbers of the scheme: no share of money is a float."""
    fee, window, floor = flags["pool_fee"], flags["pplns_window"], flags["reserve_floor"]
    settings = {
        "fee_ppm": None if fee is None else round(fee * 10_000),
        "window_percent": None if window is None else round(window * 100),
        "reserve_floor_percent": floor,
    }
    return {key: value for key, value in settings.items() if value is not None}


def _node_settings(flags: dict[str, Any], coin: str, node: str) -> dict[str, Any]:
    names = {
        "start_bits": PRACTICE_START_BITS.get(coin) if node == "practice" else None,
        "rpc_url": flags["rpc_url"],
        "cookie_file": flags["cookie_file"],
        "rpc_user": flags["rpc_user"],
        "rpc_password_from": flags["rpc_password_from"],
        ZMQ_KEYS.get(node, "zmq_hashblock"): flags["zmq"],
        "block_interval_s": flags["block_interval"],
    }
    return {key: value for key, value in names.items() if value is not None}


def _fallback_node(node: str, own: dict[str, Any], url: str) -> dict[str, Any]:
    """A further node is asked with the same credentials; the first one's announcements do not speak for it."""
    same = {key: value for key, value in own.items() if key not in ("zmq_hashblock", *ZMQ_KEYS.values())}
    return {"node": node, "node_settings": same | {"rpc_url": url}}


def _upstream_of(flags: dict[str, Any]) -> dict[str, Any]:
    if flags["password"] and flags["password_from"]:
        raise click.UsageError("Give --password or --password-from, not both.", click.get_current_context(silent=True))
    algorithm = flags["algorithm"] or algorithm_of(flags["coin"])
    settings = {
        "urls": [_plain_url(_address_of(url, algorithm or "sha256d")) for url in flags["upstream"]],
        "user": flags["user"] or "",
        "password": flags["password_from"] or flags["password"],
        "algorithm": algorithm,
        "coin": flags["coin"],
        "network": flags["network"],
        "names": flags["names"],
        "name_map": _name_map(flags["name_map"]),
        "solo_address": flags["solo_address"],
        "leaves_on_mismatch": False if flags["stay_on_mismatch"] else None,
        "pin_sha256": flags["pin_sha256"],
        "reconnect_hosts": list(flags["reconnect_host"]) or None,
        "version_rolling": False if flags["no_version_rolling"] else None,
    }
    return {key: value for key, value in settings.items() if value is not None}


def _address_of(url: str, algorithm: str) -> str:
    """Return where a public market takes sellers' hash power, for its name; any other text is an address itself."""
    from hashwright import registry

    if url not in registry.names("markets"):
        return url
    plugin = registry.load("markets", url).PLUGIN
    if algorithm not in plugin.sells_at:
        known = ", ".join(plugin.sells_at) or "nothing"
        raise _refusal(f"{plugin.title} buys {known} from sellers here, not {algorithm}.", "HW-701")
    return str(plugin.sells_at[algorithm])


def _plain_url(url: str) -> str:
    """`host:port` is without TLS; `stratum+tls` is another word for ssl."""
    text = url if "://" in url else f"stratum+tcp://{url}"
    return text.replace("stratum+tls://", "stratum+ssl://", 1)


def _name_map(entries: tuple[str, ...]) -> dict[str, str] | None:
    pairs = [entry.partition("=") for entry in entries]
    wrong = [entry for entry, (worker, _, user) in zip(entries, pairs, strict=True) if not (worker and user)]
    if wrong:
        raise _refusal(f"--name-map {wrong[0]!r} is not of the form WORKER=USER.", "HW-701")
    return {worker: user for worker, _, user in pairs} or None


def algorithm_of(coin: str | None) -> str | None:
    """Return the hash of a coin; None where no coin is named, or none is known under that name."""
    from hashwright import registry

    try:
        return str(registry.load("coins", coin).COIN.algorithm) if coin else None
    except HashwrightError:
        return None  # the checks say what is wrong with it


def _refusal(message: str, code: str, hint: str = "See hw pool add --help.") -> ConfigError:
    return ConfigError(f"{message} Nothing was saved.", code=code, hint=hint)


# ---------------------------------------------------------------- checks


async def _check(data_dir: Any, destination: dict[str, Any], *, needs_process: bool) -> "list[Check]":  # noqa: ANN401
    """Check in the running process, which alone may hold the node's password; without one, here."""
    import msgspec

    from hashwright.runtime.checks import Check
    from hashwright.runtime.control import ask
    from hashwright.runtime.destination_checks import check_destination
    from hashwright.runtime.system import SystemClock

    try:
        answer = await ask(data_dir, "pool-check", timeout_s=CHECK_S, destination=destination)
    except Unavailable:
        if needs_process:
            raise
        return await check_destination(destination, clock=SystemClock())
    return msgspec.convert(answer, list[Check])


def _tick_all(terminal: Terminal, checks: "list[Check]", *, is_refused: bool) -> None:
    """Show the checks; the one that the refusal is about is left to the refusal."""
    told = next((check for check in checks if check.state == "failed"), None) if is_refused else None
    for check in checks:
        if check is not told:
            terminal.tick(check.state, check.title + (f" ({check.code})" if check.code else ""), check.fix)


def refusal_of(checks: "list[Check]", *, anyway: bool) -> HashwrightError | None:
    """Return why this may not be saved, or None where it may."""
    failed = [check for check in checks if check.state == "failed"]
    if not failed or (anyway and all(check.code in GONE for check in failed)):
        return None
    first = failed[0]
    message = f"{first.title[:1].upper()}{first.title[1:]}. Nothing was saved."
    if first.code in GONE:
        return Unavailable(message, code=first.code, hint=f"{first.fix} To save it all the same: --anyway.")
    is_setting = first.code == "HW-701"
    return (ConfigError if is_setting else OperatorError)(message, code=first.code, hint=first.fix)


def _tell_added(terminal: Terminal, destination: dict[str, Any], checks: "list[Check]", *, is_saved: bool) -> None:
    import msgspec

    if terminal.is_json:
        done = {"saved": is_saved, "destination": destination, "checks": msgspec.to_builtins(checks)}
        terminal.document(done)
        return
    name, is_upstream = destination["name"], "urls" in destination
    verb, what = ("mine", _upstream_words(destination)) if is_upstream else ("pay", _node_words(destination))
    if not is_saved:
        terminal.note(f"Dry run: {name} would {verb} {what}. Nothing was saved.")
        return
    terminal.note(f"Added {name}: {verb}s {what}.")
    follow = f"hw route set {name}=100%" if is_upstream else "point a machine at the address that `hw status` shows."
    terminal.note(f"Next: {follow}")
    if destination.get("scheme") in ("pps", "fpps"):
        terminal.note(f"It pays for work out of a reserve and takes none before it is filled: hw pool reserve {name}")


def _node_words(destination: dict[str, Any]) -> str:
    kind = "PRACTICE, worth nothing" if destination["node"] == "practice" else destination["network"]
    return f"{clean(destination['address'])} ({destination['coin']}, {kind})"


def _upstream_words(destination: dict[str, Any]) -> str:
    more = len(destination["urls"]) - 1
    fallbacks = f", with {more} fall-back{'s' * (more > 1)}" if more else ""
    return f"as {clean(destination['user'])} at {clean(destination['urls'][0])}{fallbacks}"

"""Puts the parts together and runs them: the only file that knows them all.

Start is recovery: open the store (one process owns the data), load the last snapshot, step the tail of the journal,
then `ProcessStarted`. There is no other way to start, and none to stop: an orderly end only saves time.
"""

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import signal
import ssl
from collections.abc import Callable

import msgspec
import structlog

import hashwright
from hashwright.adapters.nodes.base import Node
from hashwright.chain.coin import Coin
from hashwright.clock import Clock, Instant
from hashwright.errors import HashwrightError, InvariantBroken, Unavailable
from hashwright.pool.blocks import must_be_asked
from hashwright.pool.events import BlockAnswered, ChannelClosed, DestinationRemoved, DestinationSet, SharesAnswered
from hashwright.routing.events import PlanFailed
from hashwright.runtime import (
    autopilot,
    autopilot_commands,
    commands,
    destinations,
    fleet_commands,
    market_commands,
    notifier,
    payouts,
    power_commands,
    receivables,
    reconcile,
    rent_commands,
    replay,
    route_commands,
    schemes,
    setups,
)
from hashwright.runtime.breather import Breather
from hashwright.runtime.config import Config
from hashwright.runtime.control import ControlServer, socket_path
from hashwright.runtime.destinations import DestinationSettings
from hashwright.runtime.engines import EngineEvent
from hashwright.runtime.fleet import FleetService
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.live import LiveShell
from hashwright.runtime.machine_history import MachineHistory
from hashwright.runtime.market import MarketService
from hashwright.runtime.node_link import NodeLink, StoredBlock
from hashwright.runtime.opening import open_store
from hashwright.runtime.randomx import RandomXDesk
from hashwright.runtime.rented import read_proof
from hashwright.runtime.supervisor import Supervisor
from hashwright.runtime.system import SteadyClock, system_rng
from hashwright.runtime.tcp import Limits, StratumListener, tls_context
from hashwright.runtime.upstream import Upstream, UpstreamLimits
from hashwright.runtime.upstream_settings import UpstreamSettings, event_of_upstream
from hashwright.signals import Alert, ProcessStarted, is_order
from hashwright.store import commands as store_commands
from hashwright.store.base import Store
from hashwright.store.writer import GroupCommitWriter, WriteFailure

log = structlog.get_logger()

SNAPSHOT_S = 300.0
"""How often the state is written whole: bounds what a start must replay."""
KEEP_JOURNAL_MS = 3 * 3600 * 1000
"""The journal is kept longer than the duplicate window of 2 h."""
KNOWN_BLOCKS = 1000
STOP_S = 4.0
"""SIGTERM to end: 5 s are promised."""
NodeBuilder = Callable[[DestinationSettings], Node]


class Hashwright:
    """One running process: store, kernel, listeners, nodes, control socket."""

    def __init__(self, config: Config, *, clock: Clock | None = None, build_node: NodeBuilder | None = None) -> None:
        self.config = config
        self.clock = clock or SteadyClock()
        self.rng = system_rng()
        self.supervisor = Supervisor(self.rng)
        self.write_state = "ok"
        self.recovered: replay.Recovered
        self.store: Store
        self.writer: GroupCommitWriter
        self.kernel: Kernel
        self.shell: LiveShell
        self.links: dict[str, NodeLink] = {}
        self.upstreams: dict[str, Upstream] = {}
        self.payouts: dict[str, payouts.PayoutService] = {}
        self.accounts: dict[str, receivables.AccountService] = {}
        self.autopilots: dict[str, autopilot.AutopilotService] = {}
        self.thinker = autopilot.Thinker()
        self.power = power_commands.PowerDesk(self)
        self.renting: dict[tuple[str, str], asyncio.Lock] = {}
        self.market = MarketService(self)
        self.setups: dict[str, setups.Setup] = {}
        """What runs, as it was set: to see at a reload what changed."""
        self.broken: dict[str, str] = {}
        self.fleet: FleetService | None = None
        self.limits = Limits()
        self.upstream_limits = UpstreamLimits()
        self._build_node = build_node or (lambda settings: destinations.build_node(settings, clock=self.clock))
        self._executor = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="hash")
        self._randomx = RandomXDesk(
            threads=config.randomx_threads or max((os.cpu_count() or 1) - 1, 1), is_full=config.randomx_mode == "full"
        )
        self._control: ControlServer | None = None
        self._tls: ssl.SSLContext | None = None

    # ---------------------------------------------------------------- start

    async def start(self) -> None:
        """Recover, then listen.

        Raises:
            OperatorError: the data folder is in use, too new or not usable, or a port is taken.
            InvariantBroken: the journal is damaged.
        """
        loop = asyncio.get_running_loop()
        self.store = open_store(self.config.data_dir, reference=self.config.postgres_url_from)
        try:
            self._recover(loop)
            self._set_destinations()
            await self._listen()
        except BaseException:
            await self.stop()
            raise

    def warn(self, alert: Alert) -> None:
        """Tell a person what no event of an engine says: in the log, and kept where hw status shows it."""
        self.shell.alerts(alert)
        now = self.clock.now()
        with contextlib.suppress(Unavailable):  # the disk is full: the log has it
            self.writer.transact(lambda connection: store_commands.write_alerts(connection, [(now, alert)]))

    def _recover(self, loop: asyncio.AbstractEventLoop) -> None:
        self.recovered = replay.recover(self.store)
        boot = self.store.next_boot()
        self.writer = GroupCommitWriter(
            self.store.connect,
            on_commit=lambda seq: self._from_writer(loop, self._committed, seq),
            on_failure=lambda failure: self._from_writer(loop, self._write_failed, failure),
        )
        first = (boot << 32) + 1
        self._channels = itertools.count(first)
        self.shell = LiveShell(
            clock=self.clock, executor=self._executor, rng=self.rng, first_session=first, randomx=self._randomx
        )
        self.shell.rented = read_proof(self.config.rented_proof_from)
        self.shell.breather = Breather(call_soon=loop.call_soon, monotonic=self.clock.monotonic)
        self.kernel = self.shell.kernel = Kernel(
            self.recovered.state,
            clock=self.clock,
            writer=self.writer,
            timer=loop,
            perform=self.shell.perform,
            next_seq=self.recovered.last_seq + 1,
        )
        self.kernel.handle(ProcessStarted(boot, hashwright.__version__))
        log.info(
            "recovered",
            events=self.recovered.events,
            snapshot=self.recovered.snapshot_seq,
            boot=boot,
            data=str(self.config.data_dir),
        )

    def _set_destinations(self) -> None:
        """Bring the engine in line with the stored settings; a broken one is left out and named."""
        stored = self.store.settings(destinations.KIND)
        for name in [name for name in self.kernel.pool.destinations if name not in stored]:
            self.kernel.handle(DestinationRemoved(name))  # orders' pools too: the market opens them anew
        self.reload()
        for stored_block in self._unanswered_blocks():
            link = self.links.get(stored_block.destination)
            if link is not None:
                link.submit_again(stored_block)

    def disable(self, name: str, error: HashwrightError) -> None:
        """Leave a broken destination out and say so; the others go on."""
        if name in self.kernel.pool.destinations:
            self.remove_destination(name)
        self.broken[name] = str(error)
        log.error("a destination is disabled", destination=name, problem=str(error), code=error.code)

    def set_destination(self, settings: DestinationSettings | UpstreamSettings) -> None:
        """Set a destination up, or again with other settings.

        Raises:
            HashwrightError: it cannot be built; nothing was changed.
        """
        if isinstance(settings, UpstreamSettings):
            self._set_upstream(settings)
            self.setups[settings.name] = settings
            return
        event = destinations.event_of(settings)
        node = self._build_node(settings)
        self.broken.pop(settings.name, None)
        self._drop_upstream(settings.name)
        self._replace_link(settings.name, node, destinations.coin_of(settings), event)
        self.setups[settings.name] = settings

    def _set_upstream(self, settings: UpstreamSettings) -> None:
        event = event_of_upstream(settings)
        upstream = Upstream(
            settings,
            clock=self.clock,
            desk=self,
            next_channel=lambda: next(self._channels),
            rng=self.rng,
            limits=self.upstream_limits,
        )
        if is_order(settings.name):
            upstream.for_others = self.market.guard(settings.algorithm)
        self.broken.pop(settings.name, None)
        if settings.name in self.links:
            self.remove_destination(settings.name)
        self._drop_upstream(settings.name)
        self.kernel.handle(event)
        self.upstreams[settings.name] = self.shell.upstreams[settings.name] = upstream
        self.supervisor.start(f"upstream {settings.name}", upstream.run)

    def _drop_upstream(self, name: str) -> None:
        self.supervisor.stop_service(f"upstream {name}")
        self.shell.upstreams.pop(name, None)
        old = self.upstreams.pop(name, None)
        if old is not None:
            self.supervisor.start(f"closing upstream {name}", old.aclose)

    def _replace_link(self, name: str, node: Node, coin: Coin, event: DestinationSet) -> None:
        old = self.links.pop(name, None)
        self.kernel.handle(event)
        link = NodeLink(
            event,
            node=node,
            coin=coin,
            clock=self.clock,
            outbox=self.writer,
            desk=self,
        )
        self.links[name] = self.shell.nodes[name] = link
        self.shell.hashing.by_node[name] = link.hash_blob
        self.supervisor.start(f"node {name}", link.run)
        if old is not None:
            self.supervisor.start(f"closing node {name}", old.aclose)

    def remove_destination(self, name: str) -> None:
        """Take a destination away; its sessions are closed."""
        self.kernel.handle(DestinationRemoved(name))
        self.broken.pop(name, None)
        self.setups.pop(name, None)
        self._drop_upstream(name)
        self.shell.nodes.pop(name, None)
        self.shell.hashing.by_node.pop(name, None)
        self.supervisor.stop_service(f"node {name}")
        link = self.links.pop(name, None)
        if link is not None:
            self.supervisor.start(f"closing node {name}", link.aclose)

    def unsettled(self, name: str) -> list[str]:
        """List our blocks on a destination whose fate is open."""
        pool = self.kernel.pool
        mine = (block for block in pool.blocks.values() if block.destination == name)
        return [block.block_hash for block in mine if must_be_asked(pool, block)]

    def known_blocks(self, name: str) -> set[str]:
        """Return the hashes of all blocks of a destination that the books know."""
        stored = {block.block_hash for block in self.store.blocks(KNOWN_BLOCKS) if block.destination == name}
        return stored | {block.block_hash for block in self.kernel.pool.blocks.values()}

    def _unanswered_blocks(self) -> list[StoredBlock]:
        return [
            msgspec.msgpack.decode(row.payload, type=StoredBlock)
            for row in self.store.pending_outbox()
            if row.kind == "block"
        ]

    async def _listen(self) -> None:
        config = self.config
        if any(address.is_tls for address in config.listen):
            self._tls = tls_context(config.tls_certificate, config.tls_key)
        for address in config.listen:
            listener = StratumListener(str(address), address.algorithm, self.shell, limits=self.limits)
            await listener.start(address.host, address.port, self._tls if address.is_tls else None)
            self.shell.listeners.append(listener)
            log.info(
                "machines connect here",
                algorithm=address.algorithm,
                url=listener.url,
            )
        verbs = commands.table(self) | route_commands.table(self) | payouts.commands(self)
        verbs |= market_commands.table(self) | rent_commands.table(self)
        verbs |= reconcile.commands(self) | receivables.commands(self) | schemes.commands(self)
        verbs |= autopilot_commands.table(self) | fleet_commands.commands(self)
        verbs |= power_commands.commands(self.power)
        verbs |= notifier.commands(self, notifier.start_all(self))
        self._control = ControlServer(socket_path(self.config.data_dir), verbs)
        await self._control.start()
        self.supervisor.start("snapshots", self._keep_snapshots)
        payouts.start_all(self)
        receivables.start_all(self)
        autopilot.start_all(self)
        self.market.start()
        self.fleet = FleetService(self)
        self.fleet.start()
        self.supervisor.start("history of machines", MachineHistory(self).run)
        self.power.start_all()

    # ---------------------------------------------------------------- run and stop

    async def run(self, *, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start, call `on_ready`, work until SIGTERM or SIGINT, stop.

        Raises:
            InvariantBroken: an error that must not be survived, such as a failed fsync.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        await self.start()
        on_ready()
        await self.supervisor.wait()
        await self.stop()
        if self.supervisor.failure is not None:
            raise self.supervisor.failure

    async def stop(self) -> None:
        """Stop in order: no new machines, last commit, snapshot, store."""
        for listener in getattr(getattr(self, "shell", None), "listeners", ()):
            await listener.stop()
        if self._control is not None:
            await self._control.stop()
        if self.fleet is not None and self.config.fail_safe == "yes":
            await self.fleet.fall_asleep()
        await self.power.release("Hashwright ends")
        await self.supervisor.close()
        self.thinker.close()
        self.power.close()
        for link in self.links.values():
            await link.aclose()
        for upstream in self.upstreams.values():
            await upstream.aclose()
        if self.fleet is not None:
            await self.fleet.aclose()
        if hasattr(self, "kernel"):
            self.kernel.close()
            if self.supervisor.failure is None:
                self._snapshot()
            await asyncio.to_thread(self.writer.close, STOP_S / 2)
        self._executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._randomx.close)
        self.store.close()
        log.info("stopped")

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            if self.write_state == "ok":  # else it would fill the memory, and the writer's queue
                self._snapshot()
                self.writer.prune(Instant(self.clock.now() - KEEP_JOURNAL_MS))

    def _snapshot(self) -> None:
        """Write the state whole, behind the batch that holds its last event."""
        self.kernel.commit_now()
        self.writer.submit_snapshot(self.kernel.last_seq, replay.snapshot_of(self.kernel.engines))

    # ---------------------------------------------------------------- from the writer's thread

    def _from_writer(self, loop: asyncio.AbstractEventLoop, function: Callable[..., None], value: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(function, value)

    def _committed(self, last_seq: int) -> None:
        if self.write_state != "ok":
            self.write_state = "ok"
            log.warning("the journal can be written again; shares are acknowledged again")
            self.shell.passing.end()
        self.shell.committed(last_seq)

    def _write_failed(self, failure: WriteFailure) -> None:
        """The store cannot write now (it tries on), or never again."""
        was_ok, self.write_state = self.write_state == "ok", failure.kind
        if failure.kind == "fatal":
            log.critical(
                "the disk failed; the process ends so that nothing is promised that was not kept",
                problem=failure.detail,
            )
            self.supervisor.fail(
                InvariantBroken(
                    f"The journal could not be synced: {failure.detail}",
                    code="HW-616",
                    hint="Check the disk before the next start.",
                )
            )
        else:
            self.shell.alerts(
                Alert(
                    level="critical",
                    code="HW-605",
                    text=f"The journal cannot be written: {failure.detail}. "
                    "Blocks still go out; shares pass through to the safe upstream, or wait; none is credited.",
                )
            )
            if was_ok:
                self.shell.passing.begin()

    def tell(self, event: EngineEvent) -> None:
        """Take an event from a command, a node or an upstream."""
        if self.shell.passing.waiting:
            if type(event) is ChannelClosed:
                self.shell.passing.lose(event.channel)
            elif type(event) is SharesAnswered:
                rest = self.shell.passing.relay(event)
                if rest is None:
                    return
                event = rest
        self.kernel.handle(event)

    # ---------------------------------------------------------------- reload

    def reload(self) -> None:
        """Bring destinations, routes and the certificate in line again (SIGHUP); no machine is disconnected.

        What cannot be read fails the plan, and the safe destination takes over until a route is set.
        """
        try:
            setups.reload(self)
            if self.fleet is not None:
                self.fleet.reload()
            if self.shell.passing.is_on:
                self.shell.passing.go_safe()
            if self._tls is not None and self.config.tls_certificate is not None:
                self._tls.load_cert_chain(self.config.tls_certificate, self.config.tls_key)
            log.info("settings were read again")
        except (HashwrightError, OSError) as error:
            log.error("the settings could not be read again", problem=str(error))
            self.kernel.handle(PlanFailed("", f"reload: {error}"[:200]))


__all__ = ["BlockAnswered", "Hashwright"]

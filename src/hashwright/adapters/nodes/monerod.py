"""A full node of Monero by its RPC (monerod).

What the real node taught (0.18.0, reference real-parts.md):

- The node makes the miner transaction, so it must be told who is paid; it leaves room for our extra nonce in it.
- `submit_block` says "OK" about a block that it knows already, and about one beside the best chain; a bad one and one
  that builds on an unknown block are both "not accepted". What became of a block is judged by what stands at its
  height.
- A restricted RPC (`--restricted-rpc`) does not offer everything; what is missing is named.
- On regtest it calls its chain "fakechain", has the first block of the main network, and forgets all blocks at each
  start unless it was given --keep-fakechain.

https://docs.getmonero.org/rpc-library/monerod-rpc/
"""

import re
import statistics
import urllib.parse
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec

from hashwright.adapters.nodes import _monero_rpc as codes
from hashwright.adapters.nodes._answers import read, require_genesis, require_network
from hashwright.adapters.nodes._monero_rpc import MoneroError, MoneroLogin, MoneroRpc
from hashwright.adapters.nodes._tips import Timer, ZmqHints, follow
from hashwright.adapters.nodes.base import BlockState, NodeProbe, NodeState, Plugin, TipSeen
from hashwright.chain.coin import Coin
from hashwright.chain.cryptonote.block import read_block
from hashwright.chain.cryptonote.template import RESERVE_BYTES
from hashwright.chain.template import Tip
from hashwright.clock import Clock
from hashwright.errors import ConfigError, Finding, HashwrightError, NodeSyncing, OperatorError, Unavailable

BLOCK_TIMEOUT_S: Final = 30.0
"""The first template after a start takes a second or two: the node makes the cache of RandomX."""
MEDIAN_BLOCKS: Final = 60
"""A block's time is not before the median of so many (Monero `BLOCKCHAIN_TIMESTAMP_CHECK_WINDOW`)."""
RPC_PORTS: Final = {"main": 18081, "test": 28081, "stage": 38081, "regtest": 18081}
NETWORKS: Final = {"mainnet": "main", "testnet": "test", "stagenet": "stage", "fakechain": "regtest"}
"""The node's names of networks, and ours."""
ZMQ_TOPIC: Final = b"json-minimal-chain_main"
_ZMQ_ADDRESS: Final = re.compile(r"tcp://[^\s:/]+:[0-9]{1,5}|tcp://\[[0-9a-fA-F:]+\]:[0-9]{1,5}|ipc://\S+", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
_HASH_DIGITS: Final = 64


Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach a node. The password itself is never stored: `rpc_password_from` names where it is."""

    rpc_url: str = ""
    """http://127.0.0.1:18081, or whatever the network has by default."""
    rpc_user: str = ""
    """Of the node's --rpc-login, where it has one."""
    rpc_password_from: str = ""
    """file:/path, env:NAME or credential:NAME."""
    zmq_pub: str = ""
    """The node's --zmq-pub, such as tcp://127.0.0.1:18083."""
    poll_s: Seconds = 1.0
    """How often the best block is asked for all the same."""
    timeout_s: Seconds = 10.0


class _Header(msgspec.Struct, frozen=True):
    """What we read of a block's header."""

    hash: str
    height: int
    timestamp: int
    depth: int = 0


class _Headed(msgspec.Struct, frozen=True):
    block_header: _Header


class _Headers(msgspec.Struct, frozen=True):
    headers: list[_Header]


class _Block(msgspec.Struct, frozen=True):
    """What we read of get_block."""

    blob: str
    block_header: _Header


class _MinerData(msgspec.Struct, frozen=True):
    """What we read of get_miner_data: on which block the coins so far have been counted."""

    prev_id: str
    already_generated_coins: int


class _Info(msgspec.Struct, frozen=True):
    """What we read of get_info. `height` counts the first block too."""

    height: int
    nettype: str
    target_height: int = 0
    synchronized: bool = False
    busy_syncing: bool = False
    offline: bool = False
    version: str = ""

    @property
    def network(self) -> str:
        """The network by our name."""
        return NETWORKS.get(self.nettype, self.nettype)


class MonerodNode:
    """One node. `address` is whom its blocks pay."""

    def __init__(self, config: Config, *, coin: Coin, network: str, address: str) -> None:
        self.config = config
        self.url = config.rpc_url or f"http://127.0.0.1:{RPC_PORTS[network]}"
        self._coin = coin
        self._network = network
        self._address = address
        self._is_identified = False
        login = MoneroLogin(user=config.rpc_user, password_from=config.rpc_password_from)
        self._rpc = MoneroRpc(self.url, login=login, timeout_s=config.timeout_s)

    def __repr__(self) -> str:
        return f"<MonerodNode {self._network} {self.url}>"

    # ---------------------------------------------------------------- templates and blocks

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return the get_block_template answer with the coins so far, and the block it builds on by the port's name.

        The node has no long poll: it answers at once.

        Raises:
            NodeSyncing: it is loading blocks.
            OperatorError: it runs another chain than this destination's (HW-409), or refuses the address (HW-416).
        """
        await self._identify()
        answer = read(await self._template(), dict[str, Any])
        told = read(await self._rpc.ask("get_miner_data"), _MinerData)
        if told.prev_id == answer.get("prev_hash"):  # else a block came between: the next template says it
            answer["already_generated_coins"] = told.already_generated_coins
        return {**answer, "previousblockhash": answer.get("prev_hash")}

    async def submit(self, block: bytes) -> str:
        """Submit a block; return the empty string for accepted, else the node's word.

        A lost answer is asked for again: about a block that it knows the node says the same.

        Raises:
            Unavailable: the node could not judge it now; send it again.
        """
        try:
            await self._rpc.ask("submit_block", [block.hex()], timeout_s=self._block_timeout_s)
        except MoneroError as error:
            if error.number == codes.NOT_ACCEPTED:
                await self._require_parent(block)
            if error.number in (codes.NOT_ACCEPTED, codes.WRONG_BLOB):
                return error.text
            if error.number == codes.INTERNAL:  # its disk or its memory fails, the block may be good
                raise Unavailable(error.message, code="HW-411") from error
            raise
        return ""

    async def calc_pow(self, *, major_version: int, height: int, blob: bytes, seed: bytes) -> bytes:
        """Let the node hash a blob by RandomX (some 40 ms): a judge where its library is not installed."""
        parameters = {
            "major_version": major_version,
            "height": height,
            "block_blob": blob.hex(),
            "seed_hash": seed.hex(),
        }
        return _hex_bytes(await self._rpc.ask("calc_pow", parameters, timeout_s=self._block_timeout_s))

    # ---------------------------------------------------------------- the chain

    async def block_state(self, block_hash: str) -> BlockState:
        """Ask the chain what stands at a block's height; the block's own record alone is not believed."""
        own = await self._find("get_block_header_by_hash", {"hash": block_hash})
        if own is None:
            return BlockState(confirmations=0, height=0)
        standing = await self._find("get_block_header_by_height", {"height": own.height})
        if standing is None:
            return BlockState(confirmations=0, height=own.height)
        if standing.hash != block_hash:
            return BlockState(confirmations=-1, height=own.height)
        return BlockState(confirmations=standing.depth + 1, height=own.height)

    async def tip(self) -> TipSeen:
        """Return the best block."""
        header = read(await self._rpc.ask("get_last_block_header"), _Headed).block_header
        return TipSeen(height=header.height, block_hash=header.hash)

    async def tip_header(self, block_hash: str) -> Tip:
        """Return height and median time of a block."""
        header = read(await self._rpc.ask("get_block_header_by_hash", {"hash": block_hash}), _Headed).block_header
        span = {"start_height": max(0, header.height - MEDIAN_BLOCKS + 1), "end_height": header.height}
        found = read(await self._rpc.ask("get_block_headers_range", span), _Headers).headers
        median = int(statistics.median(it.timestamp for it in found)) if found else header.timestamp
        return Tip(block_hash=block_hash, height=header.height, mediantime=median)

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return height, hash and miner transaction of the newest blocks, newest first."""
        found: list[tuple[int, str, bytes]] = []
        height = (await self.tip()).height
        while height > 0 and len(found) < count:  # the first block is of an older form, and nobody's
            told = read(await self._rpc.ask("get_block", {"height": height}), _Block)
            found.append((height, told.block_header.hash, _miner_transaction(told.blob)))
            height -= 1
        return found

    async def script_of_address(self, address: str) -> bytes | None:
        """Return None: a Monero node reads no addresses, but it refuses a template for a wrong one."""
        return None

    # ---------------------------------------------------------------- the node itself

    async def probe(self) -> NodeProbe:
        """Ask the node about itself, down to whether it gives templates; never raises."""
        info = _Info(height=1, nettype="")
        state: NodeState
        try:
            info = read(await self._rpc.call("get_info"), _Info)
            if info.network == self._network:
                await self._compare_genesis()
                await self._template()
            state, detail = _progress(info)
        except HashwrightError as error:
            state, detail = _state_of(error), error.message
        version = f"monerod {info.version}" if info.version else ""
        return NodeProbe(state=state, detail=detail, height=info.height - 1, network=info.network, version=version)

    def watch(self) -> AsyncIterator[TipSeen]:
        """Yield the best block, then each new one: by ZMQ, else by asking. Survives restarts."""
        address, interval_s = self.config.zmq_pub, self.config.poll_s
        hints = ZmqHints(address, interval_s=interval_s, topic=ZMQ_TOPIC) if address else Timer(interval_s)
        return follow(self._new_tip, hints, on_lost=self._forget)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rpc.aclose()

    # ---------------------------------------------------------------- parts

    @property
    def _block_timeout_s(self) -> float:
        return max(self.config.timeout_s, BLOCK_TIMEOUT_S)

    async def _template(self) -> Any:  # noqa: ANN401
        request = {"wallet_address": self._address, "reserve_size": RESERVE_BYTES}
        try:
            return await self._rpc.ask("get_block_template", request, timeout_s=self._block_timeout_s)
        except MoneroError as error:
            if error.number in (codes.WRONG_ADDRESS, codes.SUBADDRESS):
                raise OperatorError(
                    f"The node at {self.url} makes no block for this address: {error.text}.", code="HW-416"
                ) from error
            if error.number == codes.INTERNAL:
                raise Unavailable(error.message, code="HW-411") from error
            raise

    async def _require_parent(self, block: bytes) -> None:
        """Tell a bad block from one that builds on a block which this node has not heard of; both are "not accepted".

        Raises:
            Unavailable: the node does not know what the block builds on; it may be behind.
        """
        parent = parent_of(block)
        if parent and await self._find("get_block_header_by_hash", {"hash": parent}) is None:
            raise Unavailable(f"The node does not know block {parent}, on which this one builds.", code="HW-403")

    async def _new_tip(self, last: str) -> TipSeen | None:
        tip = await self.tip()
        return None if tip.block_hash == last else tip

    def _forget(self) -> None:
        self._is_identified = False

    async def _find(self, method: str, key: dict[str, Any]) -> _Header | None:
        """Ask for a header that may not be there: None then."""
        try:
            return read(await self._rpc.ask(method, key), _Headed).block_header
        except MoneroError as error:
            is_unknown = error.number == codes.INTERNAL and "can't get block by hash" in error.text
            if is_unknown or error.number == codes.HEIGHT_TOO_BIG:
                return None
            raise

    async def _identify(self) -> None:
        """Make sure, once, that this node runs the chain that the destination is for.

        Raises:
            OperatorError: it does not (HW-409).
        """
        if self._is_identified:
            return
        info = read(await self._rpc.ask("get_info"), _Info)
        require_network(self.url, found=info.network, wanted=self._network)
        if _is_loading(info):
            raise NodeSyncing(_progress(info)[1], code="HW-403")
        await self._compare_genesis()
        self._is_identified = True

    async def _compare_genesis(self) -> None:
        first = await self._find("get_block_header_by_height", {"height": 0})
        if first is not None:
            require_genesis(self.url, self._coin, self._network, first.hash)


def _is_loading(info: _Info) -> bool:
    """Tell whether a node is behind. One that is offline knows of no others, and its chain is whole."""
    return not info.offline and (info.busy_syncing or not info.synchronized)


def _progress(info: _Info) -> tuple[NodeState, str]:
    if _is_loading(info):
        return "syncing", f"block {info.height} of {max(info.target_height, info.height)}"
    return "ready", ""


def _state_of(error: HashwrightError) -> NodeState:
    if isinstance(error, NodeSyncing):
        return "syncing"
    return "unreachable" if isinstance(error, Unavailable) else "refused"


def parent_of(block: bytes) -> str:
    """Return the id of the block that a block builds on; the empty string where it does not parse."""
    try:
        return read_block(block).previous.hex()
    except ValueError:
        return ""


def _miner_transaction(blob: str) -> bytes:
    """Cut the miner transaction out of a block; the empty bytes where the block is of a fork that we do not read."""
    raw = _hex_bytes(blob)
    try:
        block = read_block(raw)
    except ValueError:
        return b""
    return raw[block.miner_tx_start : block.miner_tx_end]


def _hex_bytes(text: object) -> bytes:
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise OperatorError("The node sent something that is not hex.", code="HW-410")
    return bytes.fromhex(text)  # allow hex: checked by the pattern above


# ---------------------------------------------------------------- settings


def _findings(config: Config) -> list[Finding]:
    """Find what msgspec cannot see in the settings, all at once."""
    problems: list[tuple[str, str, str]] = []
    url = urllib.parse.urlsplit(config.rpc_url)
    if config.rpc_url and (url.scheme not in ("http", "https") or not url.hostname):
        problems.append(("rpc_url", "is not of the form http://host:port", "Example: http://127.0.0.1:18081."))
    if "@" in url.netloc:
        problems.append(("rpc_url", "holds a password", "Give --rpc-user, and name where the password is."))
    if config.rpc_user and not config.rpc_password_from:
        problems.append(("rpc_password_from", "is missing", "Name it: file:/path, env:NAME or credential:NAME."))
    if config.zmq_pub and not _ZMQ_ADDRESS.fullmatch(config.zmq_pub):
        problems.append(("zmq_pub", "is no ZMQ address", "Example: tcp://127.0.0.1:18083."))
    return [Finding(code="HW-701", place=place, message=message, hint=hint) for place, message, hint in problems]


def _build(config: Config, *, coin: Coin, network: str, clock: Clock, address: str = "") -> MonerodNode:
    findings = _findings(config)
    if findings:
        text = "; ".join(f"{finding.place} {finding.message}" for finding in findings)
        raise ConfigError(
            f"The settings of the node are not usable: {text}.",
            code="HW-701",
            hint=findings[0].hint,
            findings=tuple(findings),
        )
    return MonerodNode(config, coin=coin, network=network, address=address)


PLUGIN = Plugin(title="Monero (monerod, RPC)", config=Config, build=_build, family="cryptonote")

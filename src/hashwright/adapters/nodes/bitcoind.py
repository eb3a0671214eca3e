"""Full nodes of Bitcoin's family by their RPC: Bitcoin Core and Knots, Litecoin Core.

What real nodes taught (reference real-parts.md):

- litecoind gives no template without a peer (-9), not even on regtest, and wants both rules, segwit and mweb, named.
- `submitblock` answers null for accepted and a word for everything else; asked twice, it says "duplicate".
- A node that was killed may come back shorter than it was. So what became of a block is judged by what stands at its
  height now: another block (-1), the block itself, or nothing that would tell (0).

Tried with: Bitcoin Knots 29.4.3, Litecoin Core 0.21.2.1. https://developer.bitcoin.org/reference/rpc/
"""

import re
import urllib.parse
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec

from hashwright.adapters.nodes import _rpc
from hashwright.adapters.nodes._answers import read, require_genesis, require_network
from hashwright.adapters.nodes._rpc import Login, RpcClient, RpcError, WarmingUp
from hashwright.adapters.nodes._tips import Hints, LongPollHints, Timer, ZmqHints, follow
from hashwright.adapters.nodes.base import BlockState, NodeProbe, NodeState, Plugin, TipSeen
from hashwright.chain.coin import Coin
from hashwright.chain.template import Tip
from hashwright.clock import Clock
from hashwright.errors import (
    ConfigError,
    Finding,
    HashwrightError,
    NodeSyncing,
    OperatorError,
    Unavailable,
)

BLOCK_TIMEOUT_S: Final = 30.0
"""A node may need seconds for a template or a block right after a new tip."""
LONGPOLL_TIMEOUT_S: Final = 3600.0
"""A quiet chain may give no answer for long; the interval of `_tips` does not wait for it."""
RPC_PORTS: Final = {
    ("bitcoin", "main"): 8332,
    ("bitcoin", "test"): 18332,
    ("bitcoin", "signet"): 38332,
    ("bitcoin", "regtest"): 18443,
    ("litecoin", "main"): 9332,
    ("litecoin", "test"): 19332,
    ("litecoin", "regtest"): 19443,
}
NETWORKS: Final = {"testnet4": "test"}
"""The node's names of networks, where they are not ours."""
_ZMQ_ADDRESS = re.compile(r"tcp://[^\s:/]+:[0-9]{1,5}|tcp://\[[0-9a-fA-F:]+\]:[0-9]{1,5}|ipc://\S+", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)


Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach a node. The password itself is never stored: `rpc_password_from` names where it is."""

    rpc_url: str = ""
    """http://127.0.0.1:8332, or whatever the coin and the network have by default."""
    cookie_file: str = ""
    rpc_user: str = ""
    rpc_password_from: str = ""
    """file:/path, env:NAME or credential:NAME."""
    zmq_hashblock: str = ""
    """The node's zmqpubhashblock, such as tcp://127.0.0.1:28332."""
    longpoll: bool = True
    """Without ZMQ: whether the node tells of a new block by a template call that it holds back."""
    poll_s: Seconds = 1.0
    """How often the best block is asked for all the same."""
    timeout_s: Seconds = 10.0


class _Header(msgspec.Struct, frozen=True):
    """What we read of getblockheader."""

    height: int
    confirmations: int
    mediantime: int


class _Block(msgspec.Struct, frozen=True):
    """What we read of getblock."""

    height: int
    tx: list[str]
    previousblockhash: str = ""


class _Chain(msgspec.Struct, frozen=True):
    """What we read of getblockchaininfo."""

    chain: str
    blocks: int
    headers: int
    initialblockdownload: bool = False

    @property
    def network(self) -> str:
        """The network by our name."""
        return NETWORKS.get(self.chain, self.chain)


class _Network(msgspec.Struct, frozen=True):
    """What we read of getnetworkinfo."""

    subversion: str


class _Address(msgspec.Struct, frozen=True, rename={"script": "scriptPubKey", "is_valid": "isvalid"}):
    """What we read of validateaddress."""

    is_valid: bool
    script: str = ""


class BitcoindNode:
    """One node."""

    def __init__(self, config: Config, *, coin: Coin, network: str) -> None:
        self.config = config
        self.url = config.rpc_url or f"http://127.0.0.1:{RPC_PORTS[coin.key, network]}"
        self._coin = coin
        self._network = network
        self._is_identified = False
        login = Login(cookie_file=config.cookie_file, user=config.rpc_user, password_from=config.rpc_password_from)
        self._rpc = RpcClient(self.url, login=login, timeout_s=config.timeout_s)

    def __repr__(self) -> str:
        return f"<BitcoindNode {self._coin.key} {self._network} {self.url}>"

    # ---------------------------------------------------------------- templates and blocks

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return the getblocktemplate answer, at once or, with a long-poll id, when it has changed (BIP 22).

        Raises:
            NodeSyncing: it is warming up, loading blocks, or without a peer.
            OperatorError: it runs another chain than this destination's (HW-409).
        """
        await self._identify()
        request: dict[str, Any] = {"rules": list(self._coin.gbt_rules)}
        if longpoll is None:
            answer = await self._rpc.ask("getblocktemplate", request, timeout_s=self._block_timeout_s)
        else:
            request["longpollid"] = longpoll
            answer = await self._rpc.call("getblocktemplate", request, timeout_s=LONGPOLL_TIMEOUT_S)
        return read(answer, dict[str, Any])

    async def submit(self, block: bytes) -> str:
        """Submit a block; return the empty string for accepted, else the node's word.

        A lost answer is asked for again: the second time a good block is a "duplicate".

        Raises:
            Unavailable: the node could not judge it now; send it again.
        """
        try:
            answer = await self._rpc.ask("submitblock", block.hex(), timeout_s=self._block_timeout_s)
        except RpcError as error:
            if error.number == _rpc.CANNOT_DECODE:
                return error.text
            if error.number == _rpc.CANNOT_VERIFY:  # its disk or its memory fails, the block may be good
                raise Unavailable(error.message, code="HW-411") from error
            raise
        return _word(answer)

    async def propose(self, block: bytes) -> str:
        """Let the node judge a block without its proof of work (BIP 23); return the empty string, or its word."""
        request = {"mode": "proposal", "rules": list(self._coin.gbt_rules), "data": block.hex()}
        return _word(await self._rpc.ask("getblocktemplate", request, timeout_s=self._block_timeout_s))

    # ---------------------------------------------------------------- the chain

    async def block_state(self, block_hash: str) -> BlockState:
        """Ask the chain what stands at a block's height; the block's own record alone is not believed."""
        found = await self._find("getblockheader", block_hash)
        if found is None:
            return BlockState(confirmations=0, height=0)
        header = read(found, _Header)
        standing = await self._find("getblockhash", header.height)
        if standing is None:
            return BlockState(confirmations=0, height=header.height)
        if standing != block_hash:
            return BlockState(confirmations=-1, height=header.height)
        return BlockState(confirmations=max(header.confirmations, 1), height=header.height)

    async def tip(self) -> TipSeen:
        """Return the best block."""
        return await self._tip_of(await self._best_hash())

    async def tip_header(self, block_hash: str) -> Tip:
        """Return what must be known to mine on a block."""
        header = await self._header(block_hash)
        return Tip(block_hash=block_hash, height=header.height, mediantime=header.mediantime)

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return height, hash and coinbase (without witness) of the newest blocks, newest first."""
        found: list[tuple[int, str, bytes]] = []
        block_hash = await self._best_hash()
        while block_hash and len(found) < count:
            block = read(await self._rpc.ask("getblock", block_hash, 1), _Block)
            if block.height == 0 or not block.tx:
                break  # the genesis block's coinbase is kept as no transaction
            raw = await self._rpc.ask("getrawtransaction", block.tx[0], False, block_hash)
            found.append((block.height, block_hash, _without_witness(_hex_bytes(raw))))
            block_hash = block.previousblockhash
        return found

    async def script_of_address(self, address: str) -> bytes | None:
        """Return the script that the node reads from an address, or None where it knows none."""
        answer = read(await self._rpc.ask("validateaddress", address), _Address)
        return _hex_bytes(answer.script) if answer.is_valid and answer.script else None

    # ---------------------------------------------------------------- the node itself

    async def probe(self) -> NodeProbe:
        """Ask the node about itself, down to whether it gives templates; never raises."""
        chain, version = _Chain(chain="", blocks=0, headers=0), ""
        state: NodeState
        try:
            chain = read(await self._rpc.call("getblockchaininfo"), _Chain)
            version = read(await self._rpc.call("getnetworkinfo"), _Network).subversion
            if chain.network == self._network:
                await self._compare_genesis()
            request = {"rules": list(self._coin.gbt_rules)}
            await self._rpc.call("getblocktemplate", request, timeout_s=self._block_timeout_s)
            state, detail = _progress(chain)
        except HashwrightError as error:
            state, detail = _state_of(error), error.message
        return NodeProbe(state=state, detail=detail, height=chain.blocks, network=chain.network, version=version)

    def watch(self) -> AsyncIterator[TipSeen]:
        """Yield the best block, then each new one: by ZMQ, else by long poll, else by asking. Survives restarts."""
        return follow(self._new_tip, self._hints(), on_lost=self._forget)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rpc.aclose()

    # ---------------------------------------------------------------- parts

    @property
    def _block_timeout_s(self) -> float:
        return max(self.config.timeout_s, BLOCK_TIMEOUT_S)

    def _hints(self) -> Hints:
        if self.config.zmq_hashblock:
            return ZmqHints(self.config.zmq_hashblock, interval_s=self.config.poll_s)
        if self.config.longpoll:
            return LongPollHints(self.template, interval_s=self.config.poll_s)
        return Timer(self.config.poll_s)

    async def _new_tip(self, last: str) -> TipSeen | None:
        block_hash = await self._best_hash()
        return None if block_hash == last else await self._tip_of(block_hash)

    def _forget(self) -> None:
        self._is_identified = False

    async def _find(self, method: str, key: str | int) -> Any:  # noqa: ANN401
        """Ask for something that may not be there: None then."""
        try:
            return await self._rpc.ask(method, key)
        except RpcError as error:
            if error.number in (_rpc.NOT_FOUND, _rpc.BAD_PARAMETER):  # unknown hash, height above the tip
                return None
            raise

    async def _identify(self) -> None:
        """Make sure, once, that this node runs the chain that the destination is for.

        Raises:
            OperatorError: it does not (HW-409).
        """
        if self._is_identified:
            return
        chain = read(await self._rpc.ask("getblockchaininfo"), _Chain)
        require_network(self.url, found=chain.network, wanted=self._network)
        await self._compare_genesis()
        self._is_identified = True

    async def _compare_genesis(self) -> None:
        first = read(await self._rpc.ask("getblockhash", 0), str)
        require_genesis(self.url, self._coin, self._network, first)

    async def _best_hash(self) -> str:
        return read(await self._rpc.ask("getbestblockhash"), str)

    async def _tip_of(self, block_hash: str) -> TipSeen:
        return TipSeen(height=(await self._header(block_hash)).height, block_hash=block_hash)

    async def _header(self, block_hash: str) -> _Header:
        return read(await self._rpc.ask("getblockheader", block_hash), _Header)


def _progress(chain: _Chain) -> tuple[NodeState, str]:
    """Tell whether a node that gives templates has all blocks.

    On test chains a node gives them while it still loads blocks; but their tip may be old, and the chain whole.
    """
    if chain.initialblockdownload and (chain.network == "main" or chain.headers > chain.blocks):
        return "syncing", f"block {chain.blocks} of {chain.headers}"
    return "ready", ""


def _state_of(error: HashwrightError) -> NodeState:
    if isinstance(error, WarmingUp):
        return "warming-up"
    if isinstance(error, NodeSyncing):
        return "syncing"
    return "unreachable" if isinstance(error, Unavailable) else "refused"


def _word(answer: object) -> str:
    if answer is None:
        return ""
    if isinstance(answer, str) and answer:
        return answer
    raise OperatorError("The node's answer to a block is neither null nor a word.", code="HW-410")


def _hex_bytes(text: object) -> bytes:
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise OperatorError("The node sent something that is not hex.", code="HW-410")
    return bytes.fromhex(text)  # allow hex: checked by the pattern above


def _without_witness(raw: bytes) -> bytes:
    """Strip a coinbase's witness: one item of 32 bytes behind the outputs (BIP 141)."""
    return raw[:4] + raw[6:-38] + raw[-4:] if raw[4:6] == b"\x00\x01" else raw


# ---------------------------------------------------------------- settings


def _findings(config: Config) -> list[Finding]:
    """Find what msgspec cannot see in the settings, all at once."""
    problems: list[tuple[str, str, str]] = []
    url = urllib.parse.urlsplit(config.rpc_url)
    if config.rpc_url and (url.scheme not in ("http", "https") or not url.hostname):
        problems.append(("rpc_url", "is not of the form http://host:port", "Example: http://127.0.0.1:8332."))
    if "@" in url.netloc:
        problems.append(("rpc_url", "holds a password", "Give --rpc-user, and name where the password is."))
    if not config.cookie_file and not config.rpc_user:
        problems.append(("cookie_file", "is missing, and so is rpc_user", "Give one of them; the cookie is simpler."))
    if config.rpc_user and not config.cookie_file and not config.rpc_password_from:
        problems.append(("rpc_password_from", "is missing", "Name it: file:/path, env:NAME or credential:NAME."))
    if config.zmq_hashblock and not _ZMQ_ADDRESS.fullmatch(config.zmq_hashblock):
        problems.append(("zmq_hashblock", "is no ZMQ address", "Example: tcp://127.0.0.1:28332."))
    return [Finding(code="HW-701", place=place, message=message, hint=hint) for place, message, hint in problems]


def _build(config: Config, *, coin: Coin, network: str, clock: Clock, address: str = "") -> BitcoindNode:
    findings = _findings(config)
    if not config.rpc_url and (coin.key, network) not in RPC_PORTS:
        message, hint = "is missing: this coin has no usual port", "Example: http://127.0.0.1:8332."
        findings.append(Finding(code="HW-701", place="rpc_url", message=message, hint=hint))
    if findings:
        text = "; ".join(f"{finding.place} {finding.message}" for finding in findings)
        raise ConfigError(
            f"The settings of the node are not usable: {text}.",
            code="HW-701",
            hint=findings[0].hint,
            findings=tuple(findings),
        )
    return BitcoindNode(config, coin=coin, network=network)


PLUGIN = Plugin(title="Bitcoin Core, Knots, Litecoin Core (RPC)", config=Config, build=_build)

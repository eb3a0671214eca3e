"""Full nodes of Bitcoin's family by their RPC: Bitcoin Core and Knots (29), Litecoin Core (0.21).

Traps that real nodes hold (reference real-parts.md): litecoind gives no template without a peer (-9), not even on
regtest, and wants both rules, segwit and mweb, named; a node that was killed may come back shorter than it was.
`submitblock` answers null for accepted and a word for everything else. The chain, and not one word, decides what
became of a block: confirmations, and the hash that stands at its height.

Tried with: Bitcoin Knots 29.4.3, Litecoin Core 0.21.2.1. https://developer.bitcoin.org/reference/rpc/
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from hashwright.adapters.nodes._rpc import RpcClient, RpcError
from hashwright.adapters.nodes.base import BlockState, NodeProbe, Plugin, TipSeen
from hashwright.chain.coin import Coin
from hashwright.chain.template import Tip
from hashwright.clock import Clock
from hashwright.errors import AuthRejected, HashwrightError, NodeSyncing, OperatorError, Unavailable

LONGPOLL_S = 90.0
"""Bitcoin Core ends a long poll after a minute when there are new transactions."""
SLOW_POLL_S = 10.0
"""The safety net beside ZMQ: a lost message costs no more than this."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
NOT_FOUND = -5
NETWORKS = {"main": "main", "test": "test", "testnet4": "test", "signet": "signet", "regtest": "regtest"}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach a node. The password itself is never stored: `rpc_password_from` names where it is."""

    rpc_url: str = "http://127.0.0.1:8332"
    cookie_file: str = ""
    rpc_user: str = ""
    rpc_password_from: str = ""
    zmq_hashblock: str = ""
    longpoll: bool = True
    poll_s: float = 1.0
    timeout_s: float = 10.0


class BitcoindNode:
    """One node."""

    def __init__(self, config: Config, *, coin: Coin, network: str) -> None:
        self.config = config
        self._coin = coin
        self._network = network
        self._rpc = RpcClient(
            config.rpc_url,
            user=config.rpc_user,
            password_from=config.rpc_password_from,
            cookie_file=config.cookie_file,
            timeout_s=config.timeout_s,
        )

    def __repr__(self) -> str:
        return f"<BitcoindNode {self._coin.key} {self._network} {self.config.rpc_url}>"

    async def template(self, longpoll: str | None) -> dict[str, Any]:
        """Return the getblocktemplate answer, at once or, with a long-poll id, when it has changed."""
        request: dict[str, Any] = {"rules": list(self._coin.gbt_rules)}
        if longpoll is None:
            answer = await self._rpc.ask("getblocktemplate", request)
        else:
            answer = await self._rpc.call("getblocktemplate", request | {"longpollid": longpoll}, timeout_s=LONGPOLL_S)
        if not isinstance(answer, dict):
            raise OperatorError("The node's template is no object.", code="HW-408")
        return answer

    async def submit(self, block: bytes) -> str:
        """Submit a block; the empty string for accepted, else the node's word.

        Sending the same block again is harmless (the node says "duplicate"), so a lost answer is asked for again.
        """
        try:
            answer = await self._rpc.ask("submitblock", block.hex())
        except RpcError as error:
            return f"rpc-error {error.number}: {error.message}"
        return "" if answer is None else str(answer)

    async def propose(self, block: bytes) -> str:
        """Ask the node to judge a block without its proof of work (BIP 23); the empty string means good."""
        request = {"mode": "proposal", "rules": list(self._coin.gbt_rules), "data": block.hex()}
        answer = await self._rpc.ask("getblocktemplate", request)
        return "" if answer is None else str(answer)

    async def block_state(self, block_hash: str) -> BlockState:
        """Ask the chain about a block; one the node does not know has 0 confirmations, it may only be behind."""
        try:
            header = await self._rpc.ask("getblockheader", block_hash)
        except RpcError as error:
            if error.number == NOT_FOUND:
                return BlockState(confirmations=0, height=0)
            raise
        return BlockState(confirmations=int(header["confirmations"]), height=int(header["height"]))

    async def tip(self) -> TipSeen:
        """Return the best block."""
        block_hash = await self._rpc.ask("getbestblockhash")
        header = await self._rpc.ask("getblockheader", block_hash)
        return TipSeen(height=int(header["height"]), block_hash=str(block_hash))

    async def tip_header(self, block_hash: str) -> Tip:
        """Return what must be known to mine on a block."""
        header = await self._rpc.ask("getblockheader", block_hash)
        return Tip(block_hash=block_hash, height=int(header["height"]), mediantime=int(header["mediantime"]))

    async def coinbases(self, count: int) -> list[tuple[int, str, bytes]]:
        """Return height, hash and coinbase (without witness) of the newest blocks, newest first."""
        found = []
        block_hash = str(await self._rpc.ask("getbestblockhash"))
        for _ in range(count):
            block = await self._rpc.ask("getblock", block_hash, 2)
            found.append((int(block["height"]), block_hash, _without_witness(bytes.fromhex(block["tx"][0]["hex"]))))
            block_hash = block.get("previousblockhash", "")
            if not block_hash or block["height"] <= 1:
                break
        return found

    async def script_of_address(self, address: str) -> bytes | None:
        """Return the script that the node reads from an address, or None where it knows none."""
        answer = await self._rpc.ask("validateaddress", address)
        script = answer.get("scriptPubKey") if answer.get("isvalid") else None
        return bytes.fromhex(script) if isinstance(script, str) else None

    async def probe(self) -> NodeProbe:
        """Ask the node about itself."""
        try:
            chain = await self._rpc.call("getblockchaininfo")
            about = await self._rpc.call("getnetworkinfo")
        except NodeSyncing as error:
            return self._no(error, "syncing")
        except AuthRejected as error:
            return self._no(error, "refused")
        except Unavailable as error:
            return self._no(error, "unreachable")
        except OperatorError as error:
            return self._no(error, "refused")
        network = NETWORKS.get(chain["chain"], chain["chain"])
        state, detail = "ready", ""
        if chain.get("initialblockdownload") and network != "regtest":
            state, detail = "syncing", f"block {chain['blocks']} of {chain['headers']}"
        return NodeProbe(
            state=state,  # type: ignore[arg-type]
            detail=detail,
            height=int(chain["blocks"]),
            network=network,
            version=str(about.get("subversion", "")),
        )

    async def watch(self) -> AsyncIterator[TipSeen]:
        """Yield each new best block: by ZMQ, else by long poll, else by asking each second. Survives restarts."""
        last = ""
        failures = 0
        hints = _Hints(self.config.zmq_hashblock)
        longpoll_id: str | None = None
        try:
            while True:
                try:
                    seen = await self.tip()
                    failures = 0
                    if seen.block_hash != last:
                        last, longpoll_id = seen.block_hash, None
                        yield seen
                    longpoll_id = await self._wait_for_change(hints, longpoll_id)
                except HashwrightError:
                    longpoll_id = None
                    await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
                    failures += 1
        finally:
            hints.close()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rpc.aclose()

    async def _wait_for_change(self, hints: "_Hints", longpoll_id: str | None) -> str | None:
        if hints.is_on:
            await hints.wait(SLOW_POLL_S)
            return None
        if not self.config.longpoll:
            await asyncio.sleep(self.config.poll_s)
            return None
        if longpoll_id is None:
            template = await self.template(None)
            return str(template.get("longpollid", "")) or None
        template = await self.template(longpoll_id)
        return str(template.get("longpollid", "")) or None

    def _no(self, error: HashwrightError, state: str) -> NodeProbe:
        return NodeProbe(state=state, detail=error.message, height=0, network="", version="")  # type: ignore[arg-type]


class _Hints:
    """ZMQ messages about new blocks, where an address for them is set. A hint is only a reason to ask."""

    def __init__(self, address: str) -> None:
        self.is_on = bool(address)
        self._socket: Any = None
        if address:
            import zmq
            import zmq.asyncio

            self._socket = zmq.asyncio.Context.instance().socket(zmq.SUB)
            self._socket.setsockopt(zmq.SUBSCRIBE, b"hashblock")
            self._socket.setsockopt(zmq.LINGER, 0)
            self._socket.connect(address)

    async def wait(self, longest_s: float) -> None:
        """Wait for a hint, but not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._socket.recv_multipart()

    def close(self) -> None:
        """Let the socket go."""
        if self._socket is not None:
            self._socket.close()


def _without_witness(raw: bytes) -> bytes:
    """Strip a coinbase's witness: one item of 32 bytes behind the outputs (BIP 141)."""
    return raw[:4] + raw[6:-38] + raw[-4:] if raw[4:6] == b"\x00\x01" else raw


def _build(config: Config, *, coin: Coin, network: str, clock: Clock) -> BitcoindNode:
    return BitcoindNode(config, coin=coin, network=network)


PLUGIN = Plugin(title="Bitcoin Core, Knots, Litecoin Core (RPC)", config=Config, build=_build)

"""A Monero wallet (monero-wallet-rpc) with its node: the wallet signs and relays, the node says what the chain holds.

What the real wallet taught (0.18.0, reference real-parts.md):

- `transfer` with `do_not_relay` leaves no mark: the wallet would spend the same coins again. So what a stored
  payment spends (its key images) is reserved by us, and frozen in the wallet as soon as it picks one of them again.
- What is paid to whom stands in no transaction. The wallet gives its keys, and by them we compute it (`payments`).
- `relay_tx` may be called again, but once the payment is mined this spoils the wallet's balance (its change is counted
  twice). So the node is asked first, and what the wallet has relayed before is sent again by the node.
- "Failed to commit tx" is every refusal; the node says which one when it is given the same bytes.
- An integrated address is paid alone, and a transaction has 16 outputs, one of them for what comes back.
- Asking a watch-only wallet of this version to sign a message ends the process; `sign_transfer` of nothing does not.
- Coins of a block are locked for 60 blocks, all others, change too, for 10.
"""

import contextlib
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final

import msgspec

from hashwright.adapters.nodes._monero_rpc import MoneroError, MoneroLogin, MoneroRpc
from hashwright.adapters.secret import read_secret
from hashwright.adapters.wallets import _monero_signed as signed
from hashwright.adapters.wallets._monero_signed import KeptPayment
from hashwright.adapters.wallets.base import (
    Arrival,
    Broadcast,
    Order,
    Outpoint,
    Plugin,
    Prepared,
    Sight,
    Spent,
    WalletTip,
    refuse_watch_only,
)
from hashwright.chain.cryptonote.address import AddressFault, read_address
from hashwright.chain.cryptonote.payee import address_of_payee, payee_of_address
from hashwright.chain.cryptonote.rules import UNLOCK_BLOCKS
from hashwright.errors import HashwrightError, OperatorError, Unavailable
from hashwright.money import Currency

PAYEES_MAX: Final = 15
"""A transaction has 16 outputs at most (Monero `BULLETPROOF_PLUS_MAX_OUTPUTS`), and one is for what comes back."""
SETTLED_DEPTH: Final = 10
"""When all wallets of Monero take a payment for final."""
SIGN_TIMEOUT_S: Final = 120.0
REFRESH_TIMEOUT_S: Final = 300.0
"""A wallet that was away for weeks reads all blocks since then."""
FEE_TRIES: Final = 6
FREEZE_TRIES: Final = 20
HISTORY_MAX: Final = 100_000
NOT_FOUND: Final = -8
NOT_OPEN: Final = -13
NOT_ENOUGH: Final = (-16, -17)
TOO_LARGE: Final = -18
TOO_FEW_OUTPUTS: Final = -19
WATCH_ONLY: Final = -29
LOCKED: Final = -37
NO_DAEMON: Final = -38
IN_CHAIN: Final = 1
_ADDRESS_NETWORKS: Final = {"regtest": "main"}

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach a wallet and its node. Passwords are never stored: each `..._from` names where one is."""

    rpc_url: str
    """The wallet's: http://127.0.0.1:18083."""
    node_rpc_url: str = "http://127.0.0.1:18081"
    wallet: str = ""
    """Name of the wallet's file, opened where none is open; empty where the program was started with one."""
    wallet_password_from: str = ""
    rpc_user: str = ""
    rpc_password_from: str = ""
    node_rpc_user: str = ""
    node_rpc_password_from: str = ""
    account_index: Annotated[int, msgspec.Meta(ge=0)] = 0
    priority: Annotated[int, msgspec.Meta(ge=0, le=4)] = 1
    """Of the fee: 1 is the lowest, 4 the highest; 0 lets the wallet choose."""
    timeout_s: Seconds = 20.0


class MoneroWallet:
    """One account of a wallet."""

    def __init__(self, config: Config, rpc: MoneroRpc, node: MoneroRpc, *, is_watch_only: bool, change: bytes) -> None:
        self.is_watch_only = is_watch_only
        self._change = change
        self._config = config
        self._rpc = rpc
        self._node = node

    def __repr__(self) -> str:
        return f"<MoneroWallet {self._rpc.url} {'watch-only' if self.is_watch_only else 'signs'}>"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rpc.aclose()
        await self._node.aclose()

    # ---------------------------------------------------------------- signing and sending

    async def prepare(self, order: Order, *, reserved: Collection[tuple[str, int]]) -> Prepared:
        """Let the wallet sign, take the result apart, and prove whom it pays. Nothing is relayed.

        Where payees bear the fee it is known only when the wallet has signed; then it signs again, until both agree.

        Raises:
            OperatorError: not enough (HW-623), too large (HW-632), it says no or signs something else (HW-624).
            Unavailable: its coins are locked for some blocks (HW-634).
            ValueError: the fee is above what the order allows.
        """
        if self.is_watch_only:
            raise refuse_watch_only()
        shared = 0 if order.is_fee_on_top else await self._first_guess(order)
        found = await self._signed(order, shared, reserved)
        for _ in range(FEE_TRIES):
            if order.is_fee_on_top or found.fee == shared:
                break
            shared = found.fee
            found = await self._signed(order, shared, reserved)
        shared = found.fee if order.is_fee_on_top else shared
        payments = tuple(order.payments_at(shared))
        return Prepared(
            txid_display=found.txid_display,
            raw=msgspec.msgpack.encode(found.kept),
            inputs=tuple(Outpoint(image, 0) for image in found.key_images),
            payments=payments,
            fee=found.fee,
            shared_fee=shared,
        )

    async def broadcast(self, raw: bytes) -> tuple[Broadcast, str]:
        """Relay, unless the chain or the pool of transactions has it; what is no plain yes or known no is `unknown`."""
        kept = signed.read_kept(raw)
        try:
            state = (await self._where(kept.txid_display))[0]
            if state != "absent":
                return ("already-known" if state == "mempool" else "already-mined"), ""
            if await self._is_remembered(kept.txid_display):
                return await self._send_by_node(kept)
            return await self._relay(kept)
        except (Unavailable, OperatorError) as problem:
            return "unknown", str(problem)

    async def sight(self, txid_display: str, inputs: Sequence[Outpoint]) -> Sight:
        """Ask the node: first for the transaction, then for another that spends the same coins."""
        state, depth = await self._where(txid_display)
        if state != "absent":
            return Sight(
                state="mined" if state == "mined" else "mempool", confirmations=depth, txid_display=txid_display
            )  # fmt: skip
        images = [it.txid_display for it in inputs]
        told = await self._node.plain("is_key_image_spent", {"key_images": images}) if images else {}
        if IN_CHAIN in told.get("spent_status", ()):
            other, depth = await self._other_spender(txid_display, set(images))
            return Sight(state="conflicted", confirmations=depth, txid_display=other)
        return Sight(state="absent", confirmations=0, txid_display=txid_display)

    # ---------------------------------------------------------------- what it holds and did

    async def outgoing(self) -> list[str]:
        """List what spent its coins, but for what the network refused."""
        found = await self._transfers(out=True, pending=True)
        return list(dict.fromkeys(row["txid"] for kind in ("out", "pending") for row in found.get(kind, ())))

    async def arrivals(self) -> list[Arrival]:
        """List what came in: received, or the reward of a block that can be spent. Its own change is neither."""
        found = await self._transfers(**{"in": True, "out": True})
        own = {row["txid"] for row in found.get("out", ())}
        arrived: dict[str, Arrival] = {}
        for row in sorted(found.get("in", ()), key=lambda it: int(it["height"])):
            if row["txid"] in own or (row["type"] == "block" and row["locked"]):
                continue
            before = arrived.get(row["txid"])
            arrived[row["txid"]] = Arrival(
                txid_display=row["txid"],
                net=row["amount"] + (before.net if before else 0),
                confirmations=row.get("confirmations", 0),
                block_hash=await self._block_at(row["height"]) if row["type"] == "block" else "",
            )
        return list(arrived.values())

    async def spent(self, txid_display: str) -> Spent:
        """Return what a transaction took out, as the wallet remembers: one restored from its seed forgot the payees."""
        asked = {"txid": txid_display, "account_index": self._config.account_index}
        found = (await self._rpc.ask("get_transfer_by_txid", asked))["transfer"]
        return Spent(
            txid_display=txid_display,
            net=found["amount"] + found["fee"],
            fee=found["fee"],
            outputs=tuple((payee_of_address(it["address"])[0], it["amount"]) for it in found.get("destinations", ())),
            confirmations=(await self._where(txid_display))[1],
        )

    async def balance(self) -> int:
        """Return what it holds, change and locked coins included, but no rewards of blocks that are still locked."""
        held: int = (await self._rpc.ask("get_balance", {"account_index": self._config.account_index}))["balance"]
        since = max(0, await self._height() - UNLOCK_BLOCKS - 1)
        found = await self._transfers(**{"in": True, "filter_by_height": True, "min_height": since})
        locked: list[int] = [row["amount"] for row in found.get("in", ()) if row["type"] == "block" and row["locked"]]
        return held - sum(locked)

    async def tip(self) -> WalletTip:
        """Return the newest block that both the node has and the wallet has read."""
        last = await self._node.ask("get_last_block_header")
        height = min(int(last["block_header"]["height"]), await self._height() - 1)
        return WalletTip(height=height, block_hash=await self._block_at(height))

    # ---------------------------------------------------------------- parts

    async def _first_guess(self, order: Order) -> int:
        """Guess the fee from the node's rate, or nothing where the order does not allow the guess."""
        rate = (await self._node.ask("get_fee_estimate"))["fee"]
        guess = int(rate) * signed.weight_of(len(order.scripts))
        try:
            order.payments_at(guess)
        except ValueError:
            return 0
        return guess

    async def _signed(self, order: Order, shared: int, reserved: Collection[tuple[str, int]]) -> signed.SignedPayment:
        """Let the wallet sign until it spends nothing that is reserved: what is gets frozen in it."""
        payments = list(order.payments_at(shared))
        taken = {image for image, _ in reserved}
        for _ in range(FREEZE_TRIES):
            found = signed.read_signed(order.payout, await self._transfer(payments), payments, change=self._change)
            if order.is_fee_on_top:
                order.payments_at(found.fee)  # the limit of the fee
            again = taken.intersection(found.key_images)
            if not again:
                return found
            for image in sorted(again):
                await self._rpc.ask("freeze", {"key_image": image})
        raise signed.refused("it goes on spending what another payout has reserved")

    async def _transfer(self, payments: Sequence[tuple[bytes, int]]) -> Any:  # noqa: ANN401
        request = {
            "destinations": [{"address": address_of_payee(payee), "amount": minor} for payee, minor in payments],
            "account_index": self._config.account_index,
            "priority": self._config.priority,
            "do_not_relay": True,
            "get_tx_key": True,
            "get_tx_hex": True,
            "get_tx_metadata": True,
        }
        try:
            return await self._rpc.call("transfer", request, timeout_s=SIGN_TIMEOUT_S)
        except MoneroError as refusal:
            raise _unsigned(refusal) from refusal

    async def _relay(self, kept: KeptPayment) -> tuple[Broadcast, str]:
        try:
            answer = await self._rpc.call("relay_tx", {"hex": kept.metadata.hex()}, timeout_s=SIGN_TIMEOUT_S)
        except MoneroError:
            return await self._send_by_node(kept)  # which says why
        if answer.get("tx_hash") != kept.txid_display:
            return "unknown", f"the wallet relayed {str(answer.get('tx_hash'))[:64]}"
        with contextlib.suppress(HashwrightError):  # so that it remembers the payees when it is killed
            await self._rpc.call("store")
        return "accepted", ""

    async def _send_by_node(self, kept: KeptPayment) -> tuple[Broadcast, str]:
        request = {"tx_as_hex": kept.blob.hex(), "do_not_relay": False}
        return signed.sorted_answer(await self._node.raw("send_raw_transaction", request))

    async def _is_remembered(self, txid: str) -> bool:
        """Tell whether the wallet has relayed it before."""
        return txid in await self.outgoing()

    async def _where(self, txid: str) -> tuple[str, int]:
        """Return mined, mempool or absent, and the depth."""
        told = await self._node.plain("get_transactions", {"txs_hashes": [txid], "prune": True})
        found = next((it for it in told.get("txs", ()) if it["tx_hash"] == txid), None)
        if found is None:
            return "absent", 0
        if found["in_pool"]:
            return "mempool", 0
        last = await self._node.ask("get_last_block_header")
        return "mined", max(1, last["block_header"]["height"] - found["block_height"] + 1)

    async def _other_spender(self, txid: str, images: set[str]) -> tuple[str, int]:
        """Find which of the wallet's transactions spends one of these; nothing where it is none that it knows."""
        for other in await self.outgoing():
            if other == txid:
                continue
            told = await self._node.plain("get_transactions", {"txs_hashes": [other], "prune": True})
            spends = {image for it in told.get("txs", ()) for image in signed.images_of(it)}
            if images & spends:
                return other, (await self._where(other))[1]
        return "", 0

    async def _transfers(self, **wanted: Any) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401
        asked = {"account_index": self._config.account_index, **wanted}
        found: dict[str, list[dict[str, Any]]] = await self._rpc.ask("get_transfers", asked)
        if sum(len(rows) for rows in found.values()) > HISTORY_MAX:
            raise OperatorError(
                f"The wallet has more than {HISTORY_MAX} transactions. Nothing was paid.",
                code="HW-624",
                hint="Pay from a new wallet: create one, move the coins there, and set it.",
            )
        return found

    async def _height(self) -> int:
        """Return how many blocks the wallet has read."""
        return int((await self._rpc.ask("get_height"))["height"])

    async def _block_at(self, height: int) -> str:
        found = await self._node.ask("get_block_header_by_height", {"height": height})
        return str(found["block_header"]["hash"])


async def open_wallet(config: Config, *, currency: Currency, network: str = "") -> MoneroWallet:
    """Reach a wallet, let it read the newest blocks, and ask whether it has keys.

    Raises:
        OperatorError: none is open (HW-630), or one of another network (HW-633).
        Unavailable: it or its node does not answer (HW-631 where the node is the one).
    """
    login = MoneroLogin(user=config.rpc_user, password_from=config.rpc_password_from)
    rpc = MoneroRpc(config.rpc_url, login=login, timeout_s=config.timeout_s, who="wallet")
    node_login = MoneroLogin(user=config.node_rpc_user, password_from=config.node_rpc_password_from)
    node = MoneroRpc(config.node_rpc_url, login=node_login, timeout_s=config.timeout_s)
    try:
        own = await _address(rpc, config)
        _check_network(own, network)
        primary = str((await rpc.ask("get_address", {"account_index": 0}))["address"])
        await _refresh(rpc)
        is_watch_only, change = await _is_watch_only(rpc), signed.change_payee(primary, own)
        return MoneroWallet(config, rpc, node, is_watch_only=is_watch_only, change=change)
    except BaseException:
        await rpc.aclose()
        await node.aclose()
        raise


async def _address(rpc: MoneroRpc, config: Config) -> str:
    """Return the account's address; open the wallet where none is open."""
    asked = {"account_index": config.account_index}
    try:
        return str((await rpc.ask("get_address", asked))["address"])
    except MoneroError as refusal:
        if refusal.number != NOT_OPEN or not config.wallet:
            raise _not_open(refusal.text) from refusal
    password = read_secret(config.wallet_password_from) if config.wallet_password_from else ""
    try:
        await rpc.call("open_wallet", {"filename": config.wallet, "password": password}, timeout_s=SIGN_TIMEOUT_S)
    except MoneroError as refusal:
        raise _not_open(f"{refusal.text}: {config.wallet}") from refusal
    return str((await rpc.ask("get_address", asked))["address"])


def _check_network(address: str, network: str) -> None:
    wanted = _ADDRESS_NETWORKS.get(network, network)
    try:
        found = read_address(address).network
    except AddressFault as fault:
        raise OperatorError(f"The wallet's own address is none: {fault}.", code="HW-410") from fault
    if wanted and found != wanted:
        raise OperatorError(f"The wallet is one of the {found} network, and {network} is set.", code="HW-633")


async def _refresh(rpc: MoneroRpc) -> None:
    try:
        await rpc.call("refresh", timeout_s=REFRESH_TIMEOUT_S)
    except MoneroError as refusal:
        raise Unavailable(f"The wallet cannot read the chain: {refusal.text}.", code="HW-631") from refusal


async def _is_watch_only(rpc: MoneroRpc) -> bool:
    """Ask for something that a wallet with keys finds empty, and one without refuses."""
    try:
        await rpc.ask("sign_transfer", {"unsigned_txset": ""})
    except MoneroError as refusal:
        return refusal.number == WATCH_ONLY
    return False


def _not_open(reason: str) -> OperatorError:
    return OperatorError(f"The wallet program has no wallet open: {reason}. Nothing was paid.", code="HW-630")


def _unsigned(refusal: MoneroError) -> HashwrightError:
    """Sort what keeps a wallet from signing."""
    if refusal.number == LOCKED:
        return Unavailable("The wallet's coins are locked for some blocks. Nothing was paid.", code="HW-634")
    if refusal.number == NO_DAEMON:
        return Unavailable(f"The wallet has no node: {refusal.text}.", code="HW-631")
    if refusal.number == TOO_FEW_OUTPUTS:
        return Unavailable(f"The chain has too few outputs to hide a payment among: {refusal.text}.", code="HW-635")
    if refusal.number in NOT_ENOUGH:
        return OperatorError("The wallet holds less than is to be paid. Nothing was paid.", code="HW-623")
    if refusal.number == TOO_LARGE:
        return OperatorError("The payment would be too large a transaction. Nothing was paid.", code="HW-632")
    return signed.refused(refusal.text)


def is_paid_alone(address: str) -> bool:
    """Tell whether an address is an integrated one: a transaction has room for one payment id."""
    try:
        return read_address(address).kind == "integrated"
    except AddressFault:
        return False


PLUGIN = Plugin(
    title="Monero wallet (monero-wallet-rpc)",
    config=Config,
    open=open_wallet,
    payees_max=PAYEES_MAX,
    is_paid_alone=is_paid_alone,
    settled_depth=SETTLED_DEPTH,
)

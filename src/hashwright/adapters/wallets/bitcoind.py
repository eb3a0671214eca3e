"""Wallets of nodes of Bitcoin's family, by the raw transaction path: we choose the coins, the node only signs.

What real nodes taught (reference real-parts.md, reliability.md P2 to P5):

- A call that was not answered may have been done. So nothing here says "pay": signing leaves no mark, and sending the
  same bytes twice is one payment.
- After a crash the wallet may have forgotten what it sent; the transaction is ours to send again.
- What became of a transaction is judged by where its block stands in the chain, not by the wallet's own words.

Tried with Litecoin Core 0.21.2.1.
"""

import re
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from hashwright.adapters.nodes._rpc import Login, RpcClient, RpcError
from hashwright.adapters.wallets._coins import SignedTransaction, Unspent, prepare_from_coins
from hashwright.adapters.wallets.base import (
    Arrival,
    Broadcast,
    Deposit,
    Order,
    Outpoint,
    Plugin,
    Prepared,
    Sight,
    Spent,
    WalletTip,
    refuse_watch_only,
)
from hashwright.chain.transaction import Input, Output, Transaction, parse_transaction, plain_bytes, txid_le
from hashwright.errors import OperatorError, Unavailable
from hashwright.money import Currency, amount_of

LOCKED: Final = -13
NOT_FOUND: Final = -5
REJECTED: Final = -26
ALREADY_MINED: Final = -27
MISSING_INPUTS: Final = -25
FINAL_SEQUENCE: Final = 0xFFFFFFFF
FEE_RATE_MIN: Final = 1_000
"""What nodes relay: one minor unit a virtual byte."""
FEE_RATE_MAX: Final = 500_000
"""Far above any week that was; an estimate beyond it is a fault, and the payout's own cap is lower anyway."""
FEE_RATE_DEFAULT: Final = 10_000
"""Where the node has no estimate: a young chain, or a quiet one."""
SIGN_TIMEOUT_S: Final = 60.0
HISTORY_MAX: Final = 100_000
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach a wallet. The password is never stored: `rpc_password_from` names where it is."""

    rpc_url: str
    wallet: str = ""
    """The wallet's name on a node that has several."""
    cookie_file: str = ""
    rpc_user: str = ""
    rpc_password_from: str = ""
    timeout_s: float = 20.0


class BitcoindWallet:
    """One wallet of a node."""

    def __init__(self, rpc: RpcClient, *, currency: Currency, is_watch_only: bool) -> None:
        self.is_watch_only = is_watch_only
        self._rpc = rpc
        self._currency = currency

    def __repr__(self) -> str:
        return f"<BitcoindWallet {self._rpc.url} {'watch-only' if self.is_watch_only else 'signs'}>"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rpc.aclose()

    async def prepare(self, order: Order, *, reserved: Collection[tuple[str, int]]) -> Prepared:
        """Choose the coins here, let the wallet sign, and read back what it signed."""
        return await prepare_from_coins(self, order, reserved=reserved)

    async def unspent(self, minimum_confirmations: int) -> list[Unspent]:
        """List what it can spend; unconfirmed coins of others are never among it."""
        rows = await self._rpc.ask("listunspent", minimum_confirmations, 9_999_999, [], False)
        return [
            Unspent(
                outpoint=Outpoint(row["txid"], row["vout"]),
                minor=self._minor(row["amount"]),
                confirmations=row["confirmations"],
            )
            for row in rows
            if row.get("spendable", True) and row.get("safe", True)
        ]

    async def sign(self, outputs: Sequence[tuple[bytes, int]], *, inputs: Sequence[Outpoint]) -> SignedTransaction:
        """Build the transaction here, let the wallet sign it, and read back what it signed."""
        if self.is_watch_only:
            raise refuse_watch_only()
        draft = Transaction(
            version=2,
            inputs=tuple(
                Input(
                    txid_le=_bytes(it.txid_display)[::-1],
                    index=it.index,
                    script_sig=b"",
                    sequence=FINAL_SEQUENCE,
                )
                for it in inputs
            ),
            outputs=tuple(Output(value=minor, script=script) for script, minor in outputs),
            lock_time=0,
        )
        try:
            answer = await self._rpc.call(
                "signrawtransactionwithwallet", plain_bytes(draft).hex(), timeout_s=SIGN_TIMEOUT_S
            )
        except RpcError as refusal:
            raise _unsigned("it is locked" if refusal.number == LOCKED else refusal.text) from refusal
        if not answer.get("complete"):
            problems = [str(it.get("error", it))[:200] for it in answer.get("errors", [])]
            raise _unsigned("; ".join(problems) or "it did not sign every input")
        return _read_signed(answer["hex"])

    async def broadcast(self, raw: bytes) -> tuple[Broadcast, str]:
        """Send; whatever is not plainly a yes or a known no is `unknown`."""
        try:
            await self._rpc.call("sendrawtransaction", raw.hex())
        except RpcError as refusal:
            return sorted_answer(refusal.number, refusal.text), f"{refusal.text} ({refusal.number})"
        except (Unavailable, OperatorError) as problem:
            return "unknown", str(problem)
        return "accepted", ""

    async def sight(self, txid_display: str, inputs: Sequence[Outpoint]) -> Sight:
        """Ask the chain: first for the transaction, then for another that spends the same coins."""
        depth = await self._depth(txid_display)
        if depth > 0:
            return Sight(state="mined", confirmations=depth, txid_display=txid_display)
        other = await self._other_spender(txid_display, inputs)
        if other is not None:
            return other
        state = "mempool" if await self._found("getmempoolentry", txid_display) else "absent"
        return Sight(state=state, confirmations=0, txid_display=txid_display)  # type: ignore[arg-type]

    async def fee_rate(self, target_blocks: int) -> int:
        """Return the node's estimate, bounded."""
        answer = await self._rpc.ask("estimatesmartfee", target_blocks)
        rate = answer.get("feerate")
        minor = FEE_RATE_DEFAULT if rate is None else self._minor(rate)
        return min(max(minor, FEE_RATE_MIN), FEE_RATE_MAX)

    async def change_script(self) -> bytes:
        """Take a new change address of the wallet."""
        address = await self._rpc.call("getrawchangeaddress", "bech32")
        script: str = (await self._rpc.ask("getaddressinfo", address))["scriptPubKey"]
        return _bytes(script)

    async def outgoing(self) -> list[str]:
        """List what spent its coins, but for what the chain has made impossible."""
        return list(dict.fromkeys(row["txid"] for row in await self._sends() if row["confirmations"] >= 0))

    async def arrivals(self) -> list[Arrival]:
        """List what came in: received, or the reward of a block that can be spent. Its own change is neither."""
        rows = await self._history()
        own = {row["txid"] for row in rows if row["category"] == "send"}
        found: dict[str, Arrival] = {}
        for row in rows:
            if row["category"] not in ("receive", "generate") or row["txid"] in own or row["confirmations"] < 0:
                continue
            before = found.get(row["txid"])
            found[row["txid"]] = Arrival(
                txid_display=row["txid"],
                net=self._minor(row["amount"]) + (before.net if before else 0),
                confirmations=row["confirmations"],
                block_hash=row.get("blockhash", "") if row["category"] == "generate" else "",
            )
        return list(found.values())

    async def new_address(self, label: str) -> str:
        """Take a new address of the wallet, under a label."""
        return str(await self._rpc.call("getnewaddress", label, "bech32"))

    async def deposits(self) -> list[Deposit]:
        """List outputs that pay the wallet's addresses; those that the chain dropped too, with no confirmation."""
        return [
            Deposit(
                txid_display=row["txid"],
                index=row["vout"],
                address=row.get("address", ""),
                minor=self._minor(row["amount"]),
                confirmations=row["confirmations"],
            )
            for row in await self._history()
            if row["category"] == "receive"
        ]

    async def spent(self, txid_display: str) -> Spent:
        """Return what a transaction took out: the wallet's own sum, and the outputs as we read the bytes."""
        found = await self._rpc.ask("gettransaction", txid_display)
        transaction = parse_transaction(_bytes(found["hex"]))
        fee = -self._minor(found.get("fee", 0))
        return Spent(
            txid_display=txid_display,
            net=fee - self._minor(found["amount"]),
            fee=fee,
            outputs=tuple((it.script, it.value) for it in transaction.outputs),
            confirmations=await self._depth(txid_display),
        )

    async def balance(self) -> int:
        """Return what it can spend now, its own unconfirmed change included."""
        return sum(it.minor for it in await self.unspent(0))

    async def tip(self) -> WalletTip:
        """Return the best block of its node."""
        chain = await self._rpc.ask("getblockchaininfo")
        return WalletTip(height=chain["blocks"], block_hash=chain["bestblockhash"])

    # ---------------------------------------------------------------- the chain's word

    async def _depth(self, txid: str) -> int:
        """Return how deep the block of a wallet's transaction is in the best chain; 0 where it is in none."""
        known = await self._found("gettransaction", txid)
        block = known.get("blockhash") if known else None
        if not block:
            return 0
        header = await self._found("getblockheader", block)
        return max(0, int(header["confirmations"])) if header else 0

    async def _other_spender(self, txid: str, inputs: Sequence[Outpoint]) -> Sight | None:
        """Find a confirmed transaction that spends one of these inputs. The same one under another id is ours."""
        wanted = set(inputs)
        for other in dict.fromkeys(row["txid"] for row in await self._sends()):
            if other == txid:
                continue
            found = await self._found("gettransaction", other)
            spends = _inputs_of(parse_transaction(_bytes(found["hex"]))) if found else ()
            if not wanted.intersection(spends):
                continue
            depth = await self._depth(other)
            if depth > 0:
                is_same = found is not None and await self._has_same_outputs(txid, found["hex"])
                return Sight(state="mined" if is_same else "conflicted", confirmations=depth, txid_display=other)
        return None

    async def _has_same_outputs(self, txid: str, other_hex: str) -> bool:
        own = await self._found("gettransaction", txid)
        if own is None:
            return False
        first, second = (parse_transaction(_bytes(text)) for text in (own["hex"], other_hex))
        return first.outputs == second.outputs and _inputs_of(first) == _inputs_of(second)

    async def _sends(self) -> list[dict[str, Any]]:
        return [row for row in await self._history() if row["category"] == "send" and not row.get("abandoned")]

    async def _history(self) -> list[dict[str, Any]]:
        answer = await self._rpc.ask("listsinceblock")
        rows: list[dict[str, Any]] = answer["transactions"]
        if len(rows) > HISTORY_MAX:
            raise OperatorError(
                f"The wallet has more than {HISTORY_MAX} transactions. Nothing was paid.",
                code="HW-624",
                hint="Pay from a new wallet: create one, move the coins there, and set it.",
            )
        return rows

    async def _found(self, method: str, *params: object) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = await self._rpc.ask(method, *params)
        except RpcError as refusal:
            if refusal.number == NOT_FOUND:
                return None
            raise
        return answer

    def _minor(self, coins: Decimal | int) -> int:
        """Read an amount that the node wrote in coins, exactly."""
        return amount_of(f"{Decimal(coins):f}", self._currency).minor


async def open_wallet(config: Config, *, currency: Currency, network: str = "") -> BitcoindWallet:
    """Reach a wallet and ask whether it has keys.

    Raises:
        OperatorError: there is no such wallet.
        Unavailable: the node does not answer.
    """
    login = Login(cookie_file=config.cookie_file, user=config.rpc_user, password_from=config.rpc_password_from)
    url = f"{config.rpc_url.rstrip('/')}/wallet/{config.wallet}" if config.wallet else config.rpc_url
    rpc = RpcClient(url, login=login, timeout_s=config.timeout_s)
    try:
        answer = await rpc.ask("getwalletinfo")
    except BaseException:
        await rpc.aclose()
        raise
    return BitcoindWallet(rpc, currency=currency, is_watch_only=not answer.get("private_keys_enabled", True))


def sorted_answer(number: int, text: str) -> Broadcast:
    """Sort a node's refusal of a transaction (Bitcoin Core `src/rpc/protocol.h`, `src/validation.cpp`).

    Only words that are known to be final are taken as such; another version's new word is `unknown`.
    """
    if number == ALREADY_MINED:
        return "already-mined"
    if number == MISSING_INPUTS or "missingorspent" in text or "Missing inputs" in text:
        return "missing-inputs"
    if number != REJECTED:
        return "unknown"
    if "txn-already-in-mempool" in text or "txn-same-nonwitness-data-in-mempool" in text:
        return "already-known"
    if "txn-already-known" in text:
        return "already-mined"
    if "txn-mempool-conflict" in text or "insufficient fee" in text or "replacement" in text:
        return "conflict"
    return "refused"


def _read_signed(text: str) -> SignedTransaction:
    raw = _bytes(text)
    transaction = parse_transaction(raw)
    return SignedTransaction(
        txid_display=txid_le(transaction)[::-1].hex(),
        raw=raw,
        inputs=_inputs_of(transaction),
        outputs=tuple((it.script, it.value) for it in transaction.outputs),
    )


def _bytes(text: str) -> bytes:
    """Read hexadecimal text of the node, strictly: `bytes.fromhex` alone would skip blanks."""
    if not _HEX.fullmatch(text):
        raise OperatorError(f"The node wrote {text[:40]!r} where bytes belong.", code="HW-410")
    # allow hex: checked above
    return bytes.fromhex(text)


def _inputs_of(transaction: Transaction) -> tuple[Outpoint, ...]:
    return tuple(Outpoint(it.txid_le[::-1].hex(), it.index) for it in transaction.inputs)


def _unsigned(problem: str) -> OperatorError:
    return OperatorError(
        f"The wallet did not sign: {problem}. Nothing was sent.",
        code="HW-624",
        hint="Unlock it (walletpassphrase), or set the wallet that has these coins. It is tried again by itself.",
    )


PLUGIN = Plugin(title="Wallet of Bitcoin Core, Knots or Litecoin Core", config=Config, open=open_wallet)

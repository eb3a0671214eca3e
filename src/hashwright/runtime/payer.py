"""Pay members, one durable step at a time. The database is the state; this file only asks, acts and writes down.

    planned --sign--> signed --broadcast--> sent --chain, deep enough--> settled
        \\________________ an input was spent by another, deep enough: cancelled

Kill the process at any point and call `tick` again: what was not stored was never sent; what was stored is sent again,
byte for byte, and a node that knows it says so. An answer that never came is no answer: the same bytes go out again,
and nothing else is ever signed in their place (reliability.md P1 to P5).

Nothing is planned or signed while the wallet, the chain and the books disagree (`why_stopped`); what was sent before is
watched all the same.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from hashwright.adapters.wallets.base import Order, Outpoint, Prepared, Sight, Wallet, refuse_other
from hashwright.errors import InvariantBroken
from hashwright.ledger import accounts
from hashwright.ledger.balances import owed, under
from hashwright.money import Amount
from hashwright.pool import payouts
from hashwright.pool.payouts import DAY_MS, Payout, PayoutPolicy, Plan
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.connection import Connection
from hashwright.store.ledger import ledger_findings
from hashwright.store.payout_checks import payout_findings
from hashwright.store.payouts import StoredTransaction

log = structlog.get_logger()
T = TypeVar("T")

MAYBE_DEAD = frozenset(("conflict", "missing-inputs"))
LOOK_BACK_MS = 3 * 24 * 3_600_000
LOOK_BACK_MAX = 20
"""Settled payouts that the chain is asked about again: those of three days, one question each."""
ROUND_MAX = 1_000
"""Payouts looked back at to see where a round began."""
STEPS_A_TICK = 4
"""From planned to settled, where the chain is already deep enough; more would be a circle."""
GONE_OUT = frozenset(("accepted", "already-known", "already-mined"))


class Books(Protocol):
    """The database, as the payer needs it."""

    async def write(self, apply: Callable[[Connection], T]) -> T:
        """Run a function in a transaction; on return it is durable, and where it raises nothing was written."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a tick found and did. `stopped` says why nothing new is paid, and is empty otherwise.

    `above_cap` is what the wallet holds beyond what may be in a hot one [minor units].
    """

    stopped: str
    plan: Plan | None
    planned: str
    """The payout that was begun, or an empty string: in a dry run none is."""
    open: tuple[Payout, ...]
    above_cap: int = 0


class Payer:
    """Pays the members of one pool from one wallet.

    `script_of` turns an address into its output script and raises where it is none of this network. `failpoint` is
    called with the name of each place where a crash could come; tests crash there.
    """

    def __init__(
        self,
        policy: PayoutPolicy,
        wallet: Wallet,
        books: Books,
        *,
        script_of: Callable[[str], bytes],
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.policy = policy
        self._wallet = wallet
        self._books = books
        self._script_of = script_of
        self._at = failpoint

    async def tick(self, *, now: int, is_approved: bool = False) -> Report:
        """Carry on what is open, then begin a payout where one is due. What fails passes or waits for a person."""
        stopped = await self.why_stopped() or await self._look_back(now=now)
        for payout in await self._open():
            await self._carry_on(payout, stopped, now=now)
        plan, planned = await self._begin(stopped, now=now, is_approved=is_approved)
        if planned:
            for payout in await self._open():
                if payout.id == planned:
                    await self._carry_on(payout, stopped, now=now)
        left = tuple(await self._open())
        return Report(stopped=stopped, plan=plan, planned=planned, open=left, above_cap=await self._above_cap())

    async def why_stopped(self) -> str:
        """Return why nothing new may be paid, in words, or an empty string."""
        if self.policy.is_paused:
            return "payouts are paused by a person"
        if self._wallet.is_watch_only:
            return "the wallet can only watch; it pays nothing"
        return await self._behind() or await self._unexplained() or await self._insolvent()

    async def _above_cap(self) -> int:
        cap = self.policy.wallet_cap
        return 0 if cap is None else max(0, await self._wallet.balance() - cap)

    # ---------------------------------------------------------------- what stops it

    async def _behind(self) -> str:
        """Compare the node with what it showed before: after a crash it may be far behind (reliability.md P7)."""
        tip = await self._wallet.tip()
        name = self.policy.wallet
        height, _ = await self._books.read(lambda connection: rows.read_mark(connection, name))
        if tip.height < height:
            return f"the node is at block {tip.height} and was at {height} before; payouts wait until it is back"
        if tip.height > height:
            await self._books.write(lambda connection: rows.write_mark(connection, name, tip.height, tip.block_hash))
        return ""

    async def _unexplained(self) -> str:
        """Look for money that left the wallet without an intent of ours: a restored database, or a thief."""
        unknown = await self.unexplained()
        if not unknown:
            return ""
        return f"{len(unknown)} transactions left the wallet that no payout explains, the first is {unknown[0]}"

    async def unexplained(self) -> list[str]:
        """List the wallet's outgoing transactions that neither a payout nor a person explains."""
        sent = await self._wallet.outgoing()
        known = await self._books.read(lambda connection: rows.known_txids(connection, self.policy.wallet))
        return [txid for txid in sent if txid not in known]

    async def _look_back(self, *, now: int) -> str:
        """Look whether a reorganisation deeper than `depth` dropped what was settled lately (reliability.md F12).

        The same bytes go out again; what can never confirm any more is given back to the members, who are paid anew.
        """
        policy = self.policy
        lately = now - max(LOOK_BACK_MS, 2 * policy.interval_ms)
        settled = await self._books.read(lambda connection: rows.settled_since(connection, policy.pool, lately))
        problem = ""
        for payout, stored in settled[-LOOK_BACK_MAX:]:
            sight = await self._wallet.sight(stored.txid_display, [Outpoint(*it) for it in stored.inputs])
            if sight.state == "mined":
                continue
            if sight.state == "conflicted" and sight.confirmations >= policy.depth:
                await self._undo(payout, stored, sight.txid_display, now=now)
                continue
            if sight.state == "absent":
                await self._wallet.broadcast(stored.raw)
            problem = f"payout {payout.id} was settled and is not in the chain now; it was sent again"
        return problem

    async def _undo(self, payout: Payout, stored: StoredTransaction, txid_display: str, *, now: int) -> None:
        log.warning("a settled payout was undone by the chain", payout=payout.id, by=txid_display)
        await self._books.write(
            lambda connection: rows.write_undone(connection, payout, stored, txid_display=txid_display, now=now)
        )

    async def _insolvent(self) -> str:
        """Compare what the wallet holds with what it must be able to pay (reliability.md I13)."""
        held = await self._wallet.balance()
        pool, currency = self.policy.pool, self.policy.currency

        def due(connection: Connection) -> int:
            balances = ledger.read_balances(connection)
            planned = [it.total for it in rows.open_payouts(connection, pool) if it.state == "planned"]
            buyers = owed(balances, "liability:escrow", currency)  # theirs until it is spent, or paid back
            return owed(balances, f"liability:member:{accounts.part(pool)}", currency) + buyers + sum(planned)

        wanted = await self._books.read(due)
        if held >= wanted:
            return ""
        return f"the wallet holds {Amount(held, currency)}, and {Amount(wanted, currency)} is owed"

    # ---------------------------------------------------------------- the five steps

    async def _begin(self, stopped: str, *, now: int, is_approved: bool) -> tuple[Plan | None, str]:
        if stopped:
            return None, ""
        policy = self.policy

        def look(connection: Connection) -> Plan | None:
            last = rows.last_payouts(connection, policy.pool, ROUND_MAX)
            began, paid, goes_on = payouts.round_of(policy, last)
            if not last or now - began >= policy.interval_ms:
                return plan_now(connection, policy, now=now, is_approved=is_approved)
            if not goes_on:
                return None
            return plan_now(connection, policy, now=now, is_approved=is_approved, but=paid)

        def begin(connection: Connection) -> tuple[Plan | None, str]:
            plan = look(connection)
            if plan is None or not plan.parts:
                return plan, ""
            payout = new_payout(policy, plan, rows.next_id(connection, policy.pool), now=now)
            rows.write_planned(connection, payout)
            return plan, payout.id

        first = await self._books.read(look)
        if first is None or not first.parts or not policy.is_live:
            return first, ""
        await self._refuse_broken_books()
        self._at("before plan")
        plan, planned = await self._books.write(begin)
        self._at("after plan")
        return plan, planned

    async def _refuse_broken_books(self) -> None:
        """Prove the books from their raw rows before money leaves by them (reliability.md F22)."""
        findings = await self._books.read(
            lambda connection: [*ledger_findings(connection), *payout_findings(connection)]
        )
        if findings:
            raise InvariantBroken(
                f"The books do not hold, so nobody is paid by them. {findings[0].place}: {findings[0].message}",
                code="HW-621",
                hint="hw ledger check lists every finding.",
            )

    async def _carry_on(self, payout: Payout, stopped: str, *, now: int) -> None:
        """Do the steps that can be done now; a problem is noted with the payout and ends its turn."""
        current: Payout | None = payout
        try:
            for _ in range(STEPS_A_TICK):
                if current is None or not await self._step(current, stopped, now=now):
                    return
                current = await self._books.read(lambda connection: rows.read_payout(connection, payout.id))
        except InvariantBroken:
            raise
        except Exception as problem:  # a wallet may fail in any way: the next tick tries again
            detail = f"{type(problem).__name__}: {problem}"[:300]
            log.warning("a payout waits", payout=payout.id, problem=detail)
            await self._note(payout.id, detail, now=now)

    async def _step(self, payout: Payout, stopped: str, *, now: int) -> bool:
        """Do one step; return whether the state changed."""
        if payout.state == "planned":
            return not stopped and await self._sign(payout, now=now)
        if payout.state not in ("signed", "sent"):
            return False
        stored = await self._books.read(lambda connection: rows.read_transaction(connection, payout.id))
        if stored is None:
            raise InvariantBroken(
                f"Payout {payout.id} is {payout.state} without a transaction.",
                code="HW-621",
                hint="Restore the last good backup: hw admin restore.",
            )
        if payout.state == "signed" and not stopped:
            return await self._broadcast(payout, stored, now=now)
        return await self._watch(payout, stored, stopped, now=now)

    async def _sign(self, payout: Payout, *, now: int) -> bool:
        """Build and sign, look at the result, and store it whole before anything else."""
        name = payout.wallet
        self._at("before sign")
        reserved = await self._books.read(lambda connection: rows.reserved_inputs(connection, name))
        order = self._order(payout)
        prepared = await self._wallet.prepare(order, reserved=reserved)
        refuse_unlike(order, prepared, reserved=reserved)
        self._at("after sign")
        stored = StoredTransaction(
            attempt=1,
            txid_display=prepared.txid_display,
            raw=prepared.raw,
            fee=prepared.fee,
            pool_fee=borne_by_pool(order, prepared),
            inputs=tuple((it.txid_display, it.index) for it in prepared.inputs),
        )
        self._at("before store")
        await self._books.write(lambda connection: rows.write_signed(connection, payout, stored, now=now))
        self._at("after store")
        return True

    def _order(self, payout: Payout) -> Order:
        scripts = tuple(self._script_of(part.address) for part in payout.parts)

        def payments_at(fee: int) -> list[tuple[bytes, int]]:
            parts = payouts.outputs_of(payout, fee)
            return [(script, minor) for script, (_part, minor) in zip(scripts, parts, strict=True)]

        return Order(
            payout=payout.id,
            total=payout.total,
            scripts=scripts,
            payments_at=payments_at,
            dust=self.policy.dust,
            is_fee_on_top=payout.fee_payer == "pool",
        )

    async def _broadcast(self, payout: Payout, stored: StoredTransaction, *, now: int) -> bool:
        self._at("before broadcast")
        word, detail = await self._wallet.broadcast(stored.raw)
        self._at("after broadcast")
        if word in GONE_OUT:
            await self._books.write(lambda connection: rows.write_sent(connection, payout.id, detail=word, now=now))
            self._at("after sent")
            return True
        log.warning("a payout was not taken", payout=payout.id, answer=word, detail=detail)
        await self._note(payout.id, f"{word}: {detail}"[:300], now=now)
        if word not in MAYBE_DEAD:
            return False  # the same bytes go out again next time
        return await self._watch(payout, stored, "not taken", now=now)

    async def _watch(self, payout: Payout, stored: StoredTransaction, stopped: str, *, now: int) -> bool:
        """Ask the chain. What it does not know is sent again; what can never confirm is given back."""
        sight = await self._wallet.sight(stored.txid_display, [Outpoint(*it) for it in stored.inputs])
        if sight.state == "mined" and sight.confirmations >= self.policy.depth:
            await self._settle(payout, stored, sight, now=now)
            return True
        if sight.state == "conflicted" and sight.confirmations >= self.policy.depth:
            reason = f"its coins were spent by {sight.txid_display}"
            await self._books.write(lambda connection: rows.write_cancelled(connection, payout, reason=reason, now=now))
            return True
        if sight.state == "absent" and not stopped:
            word, detail = await self._wallet.broadcast(stored.raw)
            await self._note(payout.id, f"sent again: {word} {detail}"[:300], now=now)
        return False

    async def _settle(self, payout: Payout, stored: StoredTransaction, sight: Sight, *, now: int) -> None:
        txid = sight.txid_display

        def settle(connection: Connection) -> None:
            rows.write_settled(connection, payout, stored, txid_display=txid, now=now)
            if txid != stored.txid_display:
                rows.explain(connection, payout.wallet, txid, reason=f"{payout.id} under another id", now=now)

        self._at("before settle")
        await self._books.write(settle)
        self._at("after settle")

    async def _note(self, payout_id: str, detail: str, *, now: int) -> None:
        await self._books.write(lambda connection: rows.write_detail(connection, payout_id, detail=detail, now=now))

    async def _open(self) -> list[Payout]:
        return await self._books.read(lambda connection: rows.open_payouts(connection, self.policy.pool))


def plan_now(
    connection: Connection,
    policy: PayoutPolicy,
    *,
    now: int,
    is_approved: bool = False,
    but: Collection[str] = (),
) -> Plan:
    """Plan from what the books say at this moment; without those of `but`, whom this round has paid."""
    balances = ledger.read_balances(connection)
    prefix = f"liability:member:{accounts.part(policy.pool)}"
    members = {
        accounts.parts_of(account)[3]: -amount.minor
        for account, amount in under(balances, prefix)
        if amount.currency == policy.currency and amount.minor < 0 and accounts.parts_of(account)[3] not in but
    }
    history = rows.read_addresses(connection, policy.pool)
    addresses: Mapping[str, str] = {name: payouts.address_in_force(it, now=now) for name, it in history.items()}
    paid = rows.paid_since(connection, policy.pool, now - DAY_MS)
    return payouts.plan(policy, members, addresses, paid_today=paid, is_approved=is_approved)


def new_payout(policy: PayoutPolicy, plan: Plan, payout_id: str, *, now: int) -> Payout:
    """Make a payout of a plan."""
    return Payout(
        id=payout_id,
        pool=policy.pool,
        wallet=policy.wallet,
        currency=policy.currency,
        state="planned",
        fee_payer=policy.fee_payer,
        total=plan.total,
        fee_limit=payouts.fee_limit(policy, plan.total),
        created_ms=now,
        detail="",
        parts=plan.parts,
    )


def borne_by_pool(order: Order, prepared: Prepared) -> int:
    """Return what a payment costs beyond the payout's total: a fee on top, or what the payees' part did not cover."""
    return sum(minor for _, minor in prepared.payments) + prepared.fee - order.total


def refuse_unlike(order: Order, prepared: Prepared, *, reserved: Collection[tuple[str, int]]) -> None:
    """Refuse what a wallet prepared unless it is, to the last unit, what it was asked for.

    Raises:
        OperatorError: it pays others, or other amounts, or spends what another payout reserved (HW-624).
        ValueError: its fee is above the payout's limit.
    """
    is_same = list(prepared.payments) == list(order.payments_at(prepared.shared_fee))
    is_free = bool(prepared.inputs) and not {(it.txid_display, it.index) for it in prepared.inputs} & set(reserved)
    if not (is_same and is_free and borne_by_pool(order, prepared) >= 0):
        raise refuse_other(order.payout)

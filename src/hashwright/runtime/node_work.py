"""What a node's templates and blocks are, by the family of its coin: `NodeLink` does the same with either.

A template is read and checked in `chain`; here it becomes the event that the engine hears, and a found share becomes
the block that goes back to the node.
"""

from typing import Any, Final, Protocol, runtime_checkable

from hashwright.chain.coin import Coin
from hashwright.chain.coinbase import decode_coinbase
from hashwright.chain.cryptonote import template as monero
from hashwright.chain.cryptonote.block import paid_by
from hashwright.chain.cryptonote.share import branch_of
from hashwright.chain.cryptonote.template import MoneroTemplate
from hashwright.chain.template import Template, Tip, assemble_block, empty_template, template_of_gbt
from hashwright.pool import events as seen
from hashwright.pool.effects import SubmitBlock
from hashwright.pool.work import is_marked

REFRESH_S: Final = 30.0
"""How often a template is asked for while the tip stands: new fees, and a time that moves on."""


@runtime_checkable
class AnyTemplate(Protocol):
    """What `NodeLink` itself must know of a template."""

    @property
    def height(self) -> int:
        """The height of the block to be."""
        ...

    @property
    def prevhash_display(self) -> str:
        """The block it builds on, as RPC writes it."""
        ...


class NodeWork(Protocol):
    """One family's templates and blocks."""

    def read(self, answer: dict[str, Any], coin: Coin) -> AnyTemplate:
        """Check a node's answer.

        Raises:
            OperatorError: it is not usable, with the reason.
        """
        ...

    def event(self, destination: str, number: int, template: Any) -> seen.TemplateSeen:  # noqa: ANN401 (its own kind)
        """Return what the engine must know of a template; the transactions stay here."""
        ...

    def time_s(self, template: Any) -> int:  # noqa: ANN401 (its own kind)
        """Return when the node made it, by its own clock [s]."""
        ...

    def is_same(self, old: Any, new: Any) -> bool:  # noqa: ANN401 (its own kind)
        """Tell whether two templates differ in nothing but a few seconds."""
        ...

    def block(self, template: Any, effect: SubmitBlock) -> bytes:  # noqa: ANN401 (its own kind)
        """Put a found block together."""
        ...

    def bridge(self, newest: Any, tip: Tip, coin: Coin, *, now_s: int) -> AnyTemplate | None:  # noqa: ANN401
        """Return a template for an empty block on a new tip, or None where it cannot be known."""
        ...

    def our_reward(self, settings: seen.DestinationSet, height: int, coinbase: bytes) -> int:
        """Return what a coinbase pays us [minor units]; 0 where it does not carry our mark."""
        ...


class BitcoinWork:
    """Bitcoin's family: getblocktemplate, and a coinbase of our own making."""

    def read(self, answer: dict[str, Any], coin: Coin) -> AnyTemplate:
        """Check a getblocktemplate answer."""
        return template_of_gbt(answer, coin)

    def event(self, destination: str, number: int, template: Template) -> seen.TemplateSeen:
        """Return its header fields and its branch."""
        return seen.TemplateSeen(
            destination=destination,
            template=number,
            height=template.height,
            version=template.version,
            prevhash_le=template.prevhash_le,
            nbits=template.nbits,
            curtime=template.curtime,
            mintime=template.mintime,
            coinbase_value=template.coinbase_value,
            witness_commitment=template.witness_commitment,
            branch=template.branch,
        )

    def time_s(self, template: Template) -> int:
        """Return curtime."""
        return template.curtime

    def is_same(self, old: Template, new: Template) -> bool:
        """Compare all that a header depends on."""
        return (old.prevhash_le, old.branch, old.coinbase_value, old.nbits, old.version) == (
            new.prevhash_le,
            new.branch,
            new.coinbase_value,
            new.nbits,
            new.version,
        ) and new.curtime - old.curtime < REFRESH_S - 1

    def block(self, template: Template, effect: SubmitBlock) -> bytes:
        """Put header, coinbase and transactions together."""
        return assemble_block(template, effect.header, effect.coinbase)

    def bridge(self, newest: Template, tip: Tip, coin: Coin, *, now_s: int) -> AnyTemplate | None:
        """Build on the new tip with a coinbase alone."""
        return empty_template(newest, tip, coin, now_s=now_s)

    def our_reward(self, settings: seen.DestinationSet, height: int, coinbase: bytes) -> int:
        """Sum what goes to our script, where the script of the coinbase carries our tag."""
        try:
            decoded = decode_coinbase(coinbase)
        except ValueError:
            return 0
        if settings.coinbase_tag not in decoded.script_sig:
            return 0
        return sum(value for value, script in decoded.outputs if script == settings.payout_script)


class CryptonoteWork:
    """Monero: the node makes the miner transaction, and leaves us a room in it."""

    def read(self, answer: dict[str, Any], coin: Coin) -> AnyTemplate:
        """Check a get_block_template answer."""
        return monero.template_of_answer(answer)

    def event(self, destination: str, number: int, template: MoneroTemplate) -> seen.TemplateSeen:
        """Return the parts of its blob, and the way from the miner transaction to the root."""
        new_coins = template.reward if template.new_coins is None else template.new_coins
        return seen.TemplateSeen(
            destination=destination,
            template=number,
            height=template.height,
            version=template.major_version,
            prevhash_le=template.previous,
            nbits=0,
            curtime=template.timestamp,
            mintime=template.timestamp,
            coinbase_value=template.reward,
            witness_commitment=b"",
            branch=branch_of(template.tx_hashes),
            blob=seen.BlobTemplate(
                head=template.head,
                coinbase_prefix=template.coinbase_prefix,
                room=template.room,
                coinbase_suffix=template.coinbase_suffix,
                transactions=1 + len(template.tx_hashes),
                network_target_be=template.network_target.to_bytes(32, "big"),
                seed=template.seed,
                next_seed=template.next_seed,
                fees=template.reward - new_coins,
            ),
        )

    def time_s(self, template: MoneroTemplate) -> int:
        """Return the block's time."""
        return template.timestamp

    def is_same(self, old: MoneroTemplate, new: MoneroTemplate) -> bool:
        """Compare what a block pays and holds; the output's key is another one in each answer."""
        return (old.previous, old.tx_hashes, old.reward, old.difficulty, old.seed, old.next_seed) == (
            new.previous,
            new.tx_hashes,
            new.reward,
            new.difficulty,
            new.seed,
            new.next_seed,
        ) and new.timestamp - old.timestamp < REFRESH_S - 1

    def block(self, template: MoneroTemplate, effect: SubmitBlock) -> bytes:
        """Put head, nonce, miner transaction and the ids of the others together."""
        return monero.assemble_block(template, effect.header, effect.coinbase)

    def bridge(self, newest: MoneroTemplate, tip: Tip, coin: Coin, *, now_s: int) -> AnyTemplate | None:
        """None: only the node can make a miner transaction that pays us."""
        return None

    def our_reward(self, settings: seen.DestinationSet, height: int, coinbase: bytes) -> int:
        """Return what a miner transaction pays, where it carries the mark that only we can make."""
        if not is_marked(coinbase, settings.payout_script, height):
            return 0
        try:
            return paid_by(coinbase)
        except ValueError:
            return 0


FAMILIES: Final[dict[str, NodeWork]] = {"bitcoin": BitcoinWork(), "cryptonote": CryptonoteWork()}


def work_of_node(coin: Coin) -> NodeWork:
    """Return how a coin's templates and blocks are read."""
    return FAMILIES[coin.family]

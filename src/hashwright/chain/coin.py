"""What a coin is, as data: the record that each file under `coins/` fills in.

Coins are of two families, whose addresses and blocks have nothing in common: Bitcoin's, and CryptoNote's (Monero).
"""

from dataclasses import dataclass, field
from typing import Literal

from hashwright.chain.economy import Economy
from hashwright.errors import NotSupported
from hashwright.money import Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network of a coin: its address forms and where its rules differ.

    Versions are the first byte of a Base58 address; the first of each is the one we write. CryptoNote has none of
    them, and its `address_network` tells whose addresses a network uses where they are not its own.
    """

    name: str
    target_limit: int
    """The easiest target that the chain allows."""
    pubkey_versions: tuple[int, ...] = ()
    script_versions: tuple[int, ...] = ()
    bech32_prefix: str = ""
    address_network: str = ""
    genesis_display: str = ""
    halving_blocks: int | None = None
    """Where it differs from the main network (regtest halves early)."""
    is_retargeting: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One coin. `why_not` says why it cannot be mined, and is empty where it can."""

    key: str
    title: str
    ticker: str
    algorithm: str
    decimals: int
    family: Literal["bitcoin", "cryptonote"] = "bitcoin"
    networks: dict[str, Network] = field(default_factory=dict)
    gbt_rules: tuple[str, ...] = ()
    subsidy_start: int = 0
    halving_blocks: int = 0
    block_interval_s: int = 600
    retarget_blocks: int = 2016
    retarget_intervals: int = 2015
    """Intervals between the two blocks whose times a retarget compares."""
    why_not: str = ""
    unpayable_prefixes: tuple[str, ...] = ()
    """Bech32 prefixes of this coin whose addresses no coinbase can pay."""
    unpayable_witness_versions: tuple[int, ...] = ()
    """Witness versions that bind the extension block and are no addresses of people."""
    spendable_depth: int = 101
    """How deep a block must be until its reward can be spent: 100 blocks on it (Bitcoin's `COINBASE_MATURITY`)."""
    economy: Economy | None = None
    """What it pays and how its difficulty moves; None where nothing is to be earned any more or known."""

    @property
    def is_minable(self) -> bool:
        """Tell whether proof of work earns this coin."""
        return not self.why_not

    @property
    def is_minable_here(self) -> bool:
        """Tell whether a session of ours mines it; the others are compared only."""
        return self.is_minable and bool(self.networks)

    def network(self, name: str) -> Network:
        """Return one of its networks.

        Raises:
            NotSupported: the coin cannot be mined (HW-205), or has no network of that name (HW-204).
        """
        if self.why_not:
            raise NotSupported(self.why_not, code="HW-205")
        if not self.networks:
            raise NotSupported(f"{self.title} is compared only: {self._why_compared()}.", code="HW-817")
        if name not in self.networks:
            known = ", ".join(self.networks)
            raise NotSupported(f"{self.title} has no network {name!r}.", code="HW-204", hint=f"Choose one of: {known}.")
        return self.networks[name]

    @property
    def mean_interval_s(self) -> float:
        """Return what a block takes at rest [s]: the plan, but for rules that luck shifts (Dogecoin: 63 s, not 60)."""
        shifted = self.economy.adjustment.mean_interval_s if self.economy is not None else 0.0
        return shifted or float(self.block_interval_s)

    def _why_compared(self) -> str:
        if self.economy is not None and self.economy.merged_parent:
            return f"it is mined along with {self.economy.merged_parent.title()}, by a pool that passes it on"
        if self.economy is not None and self.economy.session:
            return "machines can mine it at a pool (hw route), but no node of it is spoken to here"
        return f"no session here speaks {self.algorithm}"

    def currency(self, network: str) -> Currency:
        """Return the money of one of its networks. Play money has a name of its own: LTC, but LTCREGTEST."""
        suffix = "" if network == "main" else self.network(network).name.upper()
        return Currency(f"{self.ticker}{suffix}"[:12], self.decimals)

    def halving_interval_blocks(self, network: str) -> int:
        """Return the blocks between two halvings of the subsidy."""
        return self.network(network).halving_blocks or self.halving_blocks

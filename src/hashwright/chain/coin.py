"""What a coin is, as data: the record that each file under `coins/` fills in."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Address forms of one network of a coin. Versions are the first byte of a base58 address."""

    name: str
    pubkey_versions: tuple[int, ...]
    script_versions: tuple[int, ...]
    bech32_prefix: str
    genesis_display: str = ""
    halving_blocks: int | None = None
    """Where it differs from the main network (regtest halves early)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One coin. `why_not` says why it cannot be mined, and is empty where it can."""

    key: str
    title: str
    ticker: str
    algorithm: str
    decimals: int
    networks: dict[str, Network] = field(default_factory=dict)
    gbt_rules: tuple[str, ...] = ()
    subsidy_start: int = 0
    halving_blocks: int = 0
    retarget_blocks: int = 2016
    block_interval_s: int = 600
    why_not: str = ""
    unpayable_prefixes: tuple[str, ...] = ()
    """Bech32 prefixes of this coin whose addresses no coinbase can pay."""

    @property
    def is_minable(self) -> bool:
        """Tell whether proof of work earns this coin."""
        return not self.why_not

    def subsidy(self, height: int, network: str = "main") -> int:
        """Return the new coins of a block [minor units], without fees."""
        interval = self.networks[network].halving_blocks or self.halving_blocks
        halvings = height // interval if interval else 0
        return self.subsidy_start >> halvings if halvings < 64 else 0

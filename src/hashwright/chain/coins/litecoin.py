"""Litecoin: scrypt, a block every 2.5 minutes, and MWEB. Source: Litecoin Core `src/chainparams.cpp`.

Script addresses exist in two forms: the old one shares its version with Bitcoin's (3..., 2...), the new one starts
with M or Q. Both pay the same script.

Witness versions 8 and 9 tie blocks to the extension block (HogEx and peg-in); a coinbase that paid to one would make
its block invalid or the money unspendable.
"""

from hashwright.chain.coin import Coin, Network
from hashwright.chain.economy import DIFFICULTY_1, Adjustment, Economy
from hashwright.chain.emission import Halving

COIN = Coin(
    key="litecoin",
    title="Litecoin",
    ticker="LTC",
    algorithm="scrypt",
    decimals=8,
    gbt_rules=("segwit", "mweb"),
    subsidy_start=50 * 10**8,
    halving_blocks=840_000,
    block_interval_s=150,
    retarget_intervals=2016,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Halving(start=50 * 10**8, interval_blocks=840_000),
        adjustment=Adjustment(rule="litecoin", kind="epoch", epoch_blocks=2016, epoch_intervals=2016),
        session="bitcoin",
        known_block=(2_520_000, "2023-08-02"),
        source="Litecoin Core src/chainparams.cpp, src/pow.cpp",
    ),
    unpayable_prefixes=("ltcmweb", "tmweb"),
    unpayable_witness_versions=(8, 9),
    networks={
        "main": Network(
            name="main",
            pubkey_versions=(0x30,),
            script_versions=(0x32, 0x05),
            bech32_prefix="ltc",
            target_limit=2**236 - 1,
            genesis_display="12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2",
        ),
        "test": Network(
            name="test",
            pubkey_versions=(0x6F,),
            script_versions=(0x3A, 0xC4),
            bech32_prefix="tltc",
            target_limit=2**236 - 1,
        ),
        "regtest": Network(
            name="regtest",
            pubkey_versions=(0x6F,),
            script_versions=(0x3A, 0xC4),
            bech32_prefix="rltc",
            target_limit=2**255 - 1,
            halving_blocks=150,
            is_retargeting=False,
        ),
    },
)

"""Bitcoin. Sources: Bitcoin Core `src/kernel/chainparams.cpp` (address versions, halving, limits), BIP 173 (prefixes).

"test" stands for testnet3 and testnet4, whose addresses are the same. Blocks of a signet need its owner's signature:
a template of one is refused.
"""

from hashwright.chain.coin import Coin, Network
from hashwright.chain.economy import DIFFICULTY_1, EPOCH_2016, Economy
from hashwright.chain.emission import Halving

COIN = Coin(
    key="bitcoin",
    title="Bitcoin",
    ticker="BTC",
    algorithm="sha256d",
    decimals=8,
    gbt_rules=("segwit",),
    subsidy_start=50 * 10**8,
    halving_blocks=210_000,
    economy=Economy(
        work_factor=DIFFICULTY_1,
        emission=Halving(start=50 * 10**8, interval_blocks=210_000),
        adjustment=EPOCH_2016,
        session="bitcoin",
        known_block=(840_000, "2024-04-20"),
        source="Bitcoin Core src/validation.cpp, src/pow.cpp",
    ),
    networks={
        "main": Network(
            name="main",
            pubkey_versions=(0x00,),
            script_versions=(0x05,),
            bech32_prefix="bc",
            target_limit=2**224 - 1,
            genesis_display="000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        ),
        "test": Network(
            name="test",
            pubkey_versions=(0x6F,),
            script_versions=(0xC4,),
            bech32_prefix="tb",
            target_limit=2**224 - 1,
        ),
        "signet": Network(
            name="signet",
            pubkey_versions=(0x6F,),
            script_versions=(0xC4,),
            bech32_prefix="tb",
            target_limit=0x377AE << 216,
        ),
        "regtest": Network(
            name="regtest",
            pubkey_versions=(0x6F,),
            script_versions=(0xC4,),
            bech32_prefix="bcrt",
            target_limit=2**255 - 1,
            genesis_display="0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            halving_blocks=150,
            is_retargeting=False,
        ),
    },
)

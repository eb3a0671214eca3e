"""Every retarget that the recorded main-network headers can prove (named group `data`)."""

import csv
import gzip
import itertools

import pytest

from hashwright import registry
from hashwright.chain.header import hash_display, parse_header
from hashwright.chain.retarget import is_retarget, period_start_height, retargeted_bits
from hashwright.chain.target import target_of_bits, work_of_target

pytestmark = pytest.mark.data

BITCOIN, LITECOIN = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin"))
CLOCK_SLACK_S = 2 * 3600
"""The first block of a period may be this much off from the last of the period before: miners' clocks."""


@pytest.fixture(scope="module")
def headers(test_data):
    def read(coin):
        with gzip.open(test_data / f"test_vectors/headers_{coin}_retarget.csv.gz", "rt") as file:
            rows = {int(row["height"]): row for row in csv.DictReader(file)}
        return {height: (parse_header(bytes.fromhex(row["header_hex"])), row) for height, row in rows.items()}

    return read


def test_every_litecoin_retarget_is_reproduced_exactly(headers):
    """The last block of each period and the first of the next are recorded, so nothing is left to guess."""
    chain = headers("ltc")
    proven = 0
    for height, (header, row) in chain.items():
        if not is_retarget(height, LITECOIN):
            continue
        last, _ = chain[height - 1]
        assert hash_display(header.prevhash_le) == chain[height - 1][1]["block_hash"]
        start = period_start_height(height, LITECOIN)
        start_time = chain[start][0].ntime if start in chain else 1_317_972_665  # the genesis block's
        assert retargeted_bits(last.nbits, last.ntime - start_time, LITECOIN) == header.nbits, row["height"]
        proven += 1
    assert proven > 1200


def test_every_bitcoin_retarget_lies_where_its_recorded_times_allow(headers):
    """Only the first block of each period is recorded: its time stands for the last block of the period before."""
    chain = headers("btc")
    heights = sorted(height for height in chain if is_retarget(height, BITCOIN))
    changed = 0
    for height, following in itertools.pairwise(heights):
        old, new = chain[height][0], chain[following][0]
        assert following - height == BITCOIN.retarget_blocks
        elapsed_s = new.ntime - old.ntime
        hardest, easiest = (
            target_of_bits(retargeted_bits(old.nbits, elapsed_s + slack_s, BITCOIN))
            for slack_s in (-CLOCK_SLACK_S, CLOCK_SLACK_S)
        )
        assert hardest <= target_of_bits(new.nbits) <= easiest, following
        changed += new.nbits != old.nbits
    assert changed > 400


def test_the_recorded_chain_work_grows_by_our_work(headers):
    """Chain work is the sum over all blocks; within one period all blocks count the same."""
    chain = headers("btc")
    heights = sorted(chain)
    for height, following in itertools.pairwise(heights):
        grown = int(chain[following][1]["chainwork_hex"], 16) - int(chain[height][1]["chainwork_hex"], 16)
        old, new = (work_of_target(target_of_bits(chain[h][0].nbits)) for h in (height, following))
        assert grown == (BITCOIN.retarget_blocks - 1) * old + new, following

"""Real jobs, shares, headers, blocks and addresses: what others published, recomputed (stratum.md 2.1, 2.2)."""

import csv
import gzip
import json
import pathlib

import pytest

from hashwright import registry
from hashwright.chain.address import AddressError, address_of_script, script_of_address
from hashwright.chain.coinbase import decode_coinbase
from hashwright.chain.header import Header, hash_display, header_bytes, parse_header, swap_words
from hashwright.chain.merkle import merkle_root, root_from_branch
from hashwright.chain.proof import ALGORITHMS, DIFF1, scrypt, sha256d
from hashwright.chain.retarget import retargeted_bits
from hashwright.chain.target import difficulty_of_target, target_of_bits
from hashwright.chain.template import assemble_block, template_of_gbt
from hashwright.chain.transaction import parse_transaction, plain_bytes, read_transaction, txid_le
from hashwright.pool import judge
from hashwright.pool.records import Job, Terms
from hashwright.pool.work import HEADER, Rolled

HERE = pathlib.Path(__file__).parent
BITCOIN, LITECOIN = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin"))


def vector(name):
    return json.loads((HERE / f"{name}.json").read_text())


def number(hash_le):
    return int.from_bytes(hash_le, "little")


def golden_job():
    """The golden job as the judge's own records."""
    data = vector("stratum_golden_job")
    job = Job(
        id="golden",
        destination="x",
        template=0,
        height=0,
        version=int(data["version"], 16),
        prevhash_le=swap_words(bytes.fromhex(data["prevhash"])),
        nbits=int(data["nbits"], 16),
        ntime=int(data["ntime"], 16),
        mintime=0,
        network_target_be=bytes(32),
        coinbase_prefix=bytes.fromhex(data["coinbase_prefix"]),
        coinbase_suffix=bytes.fromhex(data["coinbase_suffix"]),
        branch=tuple(bytes.fromhex(item) for item in data["branch"]),
        reward=0,
        made_at=0,
    )
    terms = Terms(bytes.fromhex(data["extranonce1"]), 8, 699.0, bytes(32), int(data["mask"], 16))
    return data, job, terms


@pytest.mark.parametrize("index", [0, 1])
def test_golden_vector_1_through_our_judge(index):
    data, job, terms = golden_job()
    share = data["shares"][index]
    extranonce2 = bytes.fromhex(share["extranonce2"])
    rolled = Rolled(extranonce2, job.ntime, int(share["nonce"], 16), int(share["version_bits"], 16))
    coinbase = HEADER.coinbase_of(job, terms, rolled)
    assert len(coinbase) == data["coinbase_size"]
    assert hash_display(sha256d(coinbase)) == data["txid_display"]
    assert hash_display(root_from_branch(sha256d(coinbase), job.branch)) == data["root_display"]
    header = judge.input_of((job, terms), rolled)
    if index == 0:
        assert header.hex() == data["header"]
    hash_le = sha256d(header)
    assert hash_display(hash_le) == share["hash_display"]
    assert difficulty_of_target(number(hash_le), DIFF1) == pytest.approx(share["difficulty"], rel=1e-6)


@pytest.mark.parametrize("case", vector("stratum_small_miner_jobs")["roots"], ids=lambda case: case["tag"])
def test_golden_vector_2_roots(case):
    coinbase = bytes.fromhex(case["coinbase"])
    root = root_from_branch(sha256d(coinbase), [bytes.fromhex(item) for item in case["branch"]])
    assert root.hex() == case["root"]
    decoded = decode_coinbase(coinbase)
    assert (decoded.height, case["tag"] in decoded.tag) == (case["height"], True)


@pytest.mark.parametrize("case", vector("stratum_small_miner_jobs")["nonces"], ids=lambda case: case["nonce"])
def test_golden_vector_2_nonces(case):
    header = header_bytes(
        Header(
            version=int(case["version"], 16),
            prevhash_le=swap_words(bytes.fromhex(case["prevhash"])),
            merkle_root_le=bytes.fromhex(case["root"]),
            ntime=int(case["ntime"], 16),
            nbits=int(case["nbits"], 16),
            nonce=int(case["nonce"], 16),
        )
    )
    assert difficulty_of_target(number(sha256d(header)), DIFF1) == pytest.approx(case["difficulty"], rel=1e-4)


def test_the_litecoin_genesis_block():
    header = header_bytes(
        Header(
            version=1,
            prevhash_le=bytes(32),
            merkle_root_le=bytes.fromhex("97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9")[::-1],
            ntime=1317972665,
            nbits=0x1E0FFFF0,
            nonce=2084524493,
        )
    )
    assert hash_display(sha256d(header)) == LITECOIN.networks["main"].genesis_display
    work_hash = scrypt(header)
    assert hash_display(work_hash) == "0000050c34a64b415b6b15b37f2216634b5b1669cb9a2e38d76f7213b0671e00"
    assert difficulty_of_target(number(work_hash), ALGORITHMS["scrypt"].diff1_target) == pytest.approx(
        50.7156, rel=1e-5
    )
    assert number(work_hash) <= target_of_bits(0x1E0FFFF0)


def test_litecoins_own_example_of_a_block_with_an_extension_block():
    """Byte for byte the block of Litecoin Core's document on MWEB mining."""
    data = vector("litecoin_mweb_block")
    template = template_of_gbt(data["template"], LITECOIN)
    with_its_witness = parse_transaction(bytes.fromhex(data["coinbase_with_witness"]))
    coinbase = plain_bytes(with_its_witness)
    assert assemble_block(template, bytes.fromhex(data["header"]), coinbase).hex() == data["block"]
    assert (
        root_from_branch(sha256d(coinbase), template.branch)
        == parse_header(bytes.fromhex(data["header"])).merkle_root_le
    )


# -------------------------------------------------------------------- the group `data`


@pytest.mark.data
def test_a_recorded_template_gives_the_recorded_job_and_its_share_is_good(test_data):
    """Template to job to accepted share, as a Bitaxe and public-pool did it on testnet."""
    session = json.loads((test_data / "test_vectors/stratum_session_bitaxe_testnet.json").read_text())
    job = vector("stratum_recorded_job")
    template = template_of_gbt(session["BLOCK_TEMPLATE"] | {"curtime": int(session["TIME"], 16)}, BITCOIN)
    assert [item.hex() for item in template.branch] == job["branch"]
    assert swap_words(template.prevhash_le).hex() == job["prevhash"]
    _, _, extranonce2, ntime, nonce, bits = session["MINING_SUBMIT"]["params"]
    coinbase = bytes.fromhex(job["coinbase_prefix"] + session["EXTRA_NONCE"] + extranonce2 + job["coinbase_suffix"])
    header = header_bytes(
        Header(
            version=template.version | int(bits, 16),
            prevhash_le=template.prevhash_le,
            merkle_root_le=root_from_branch(sha256d(coinbase), template.branch),
            ntime=int(ntime, 16),
            nbits=template.nbits,
            nonce=int(nonce, 16),
        )
    )
    assert difficulty_of_target(number(sha256d(header)), DIFF1) >= session["MINING_SUGGEST_DIFFICULTY"]["params"][0]


def rows(path):
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


@pytest.mark.data
def test_real_bitcoin_headers_hash_to_their_ids_and_retarget_as_they_did(test_data):
    headers = rows(test_data / "test_vectors/headers_btc_retarget.csv.gz")
    for row in headers:
        raw = bytes.fromhex(row["header_hex"])
        hash_le = sha256d(raw)
        assert hash_display(hash_le) == row["block_hash"]
        assert number(hash_le) <= target_of_bits(parse_header(raw).nbits)
        assert header_bytes(parse_header(raw)) == raw


@pytest.mark.data
def test_real_litecoin_headers_meet_their_scrypt_targets(test_data):
    """Every 25th of 2,444: scrypt costs 0.3 ms each."""
    for row in rows(test_data / "test_vectors/headers_ltc_retarget.csv.gz")[::25]:
        raw = bytes.fromhex(row["header_hex"])
        assert hash_display(sha256d(raw)) == row["block_hash"]
        assert number(scrypt(raw)) <= target_of_bits(parse_header(raw).nbits)


@pytest.mark.data
@pytest.mark.parametrize("height", [169482, 227836])
def test_real_blocks_have_the_merkle_root_of_their_transactions(test_data, height):
    data = (test_data / f"test_vectors/btc_block{height}.dat").read_bytes()
    header, at = parse_header(data[:80]), 80
    count, size = (data[at], 1) if data[at] < 0xFD else (int.from_bytes(data[at + 1 : at + 3], "little"), 3)
    at += size
    txids = []
    for _ in range(count):
        transaction, at = read_transaction(data, at)
        txids.append(txid_le(transaction))
    assert merkle_root(txids) == header.merkle_root_le
    assert at == len(data)


@pytest.mark.data
def test_bitcoin_cores_valid_and_invalid_addresses(test_data):
    """`key_io_valid.json`: address, script, and which chain; private keys are no addresses and must be refused."""
    names = {"main": "main", "test": "test", "signet": "signet", "regtest": "regtest"}
    for text, script, facts in json.loads((test_data / "test_vectors/bitcoin_key_io_valid.json").read_text()):
        network = names.get(facts["chain"])
        if network is None:
            continue
        if facts["isPrivkey"]:
            with pytest.raises(AddressError):
                script_of_address(text, BITCOIN, network)
            continue
        assert script_of_address(text, BITCOIN, network).hex() == script
        assert (
            script_of_address(address_of_script(bytes.fromhex(script), BITCOIN, network), BITCOIN, network).hex()
            == script
        )
    for (text,) in json.loads((test_data / "test_vectors/bitcoin_key_io_invalid.json").read_text()):
        for network in names.values():
            with pytest.raises(AddressError):
                script_of_address(text, BITCOIN, network)


def test_a_known_retarget_of_bitcoin():
    """Block 32,256, the first change: 1d00ffff to 1d00d86a after 1,041,046 s (2009-12-30)."""
    elapsed_s = 1262152739 - 1261130161
    assert retargeted_bits(0x1D00FFFF, elapsed_s, BITCOIN) == 0x1D00D86A

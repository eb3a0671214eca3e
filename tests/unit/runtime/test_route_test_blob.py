"""Looking at a CryptoNote pool: what it says becomes the same record, and each way to be odd has its own word."""

import asyncio

import pytest

from hashwright.errors import AuthRejected, OperatorError, RemoteProtocolError, Unavailable
from hashwright.runtime.route_probe import ProbeOptions
from hashwright.runtime.route_test import parse_options, probe
from hashwright.runtime.route_test_blob import blob_job_found, room_of_blob
from hashwright.stratum.cryptonote.client import read_job
from unit.runtime.route_pool import FORK, NEXT_SEED, PREVIOUS, SEED, TIME_S, BlobPool, Pool, hashing_blob
from unit.runtime.test_route_test import PATIENT, impatient


def look(pool, *, limits=PATIENT, **options):
    async def run():
        async with pool.listen():
            asked = ProbeOptions(url=pool.url, algorithm="randomx", **{"user": "4abc", **options})
            return await probe(asked, limits=limits)

    return asyncio.run(run())


def test_everything_a_monero_pool_says_is_in_the_record():
    pool = BlobPool()
    found = look(pool, password="rig1")
    assert (found.kind, found.url, found.peer, found.session) == ("blob", pool.url, "127.0.0.1", "s-42")
    assert (found.is_authorized, found.difficulty, found.mask_bits) == (True, 10_000, 0)
    assert (found.room.machines, found.room.own_bytes, found.room.prefix) == (255, 1, "")
    assert all(number >= 0 for number in (found.connected_ms, found.subscribed_ms, found.first_job_ms, found.alive_ms))
    job = found.job
    assert (job.id, job.algorithm, job.height, job.version, job.ntime) == ("j7", "rx/0", 3_000_000, str(FORK), TIME_S)
    assert (job.seed, job.next_seed, job.previous_block) == (SEED.hex(), NEXT_SEED.hex(), PREVIOUS.hex())
    assert (job.problem, job.outputs, job.network_difficulty) == ("", (), None)
    login, alive = pool.heard
    assert (login["params"]["login"], login["params"]["pass"], login["params"]["algo"]) == ("4abc", "rig1", ["rx/0"])
    assert (alive["method"], alive["params"]) == ("keepalived", {"id": "s-42"})


@pytest.mark.parametrize(("nonce", "machines", "prefix"), [
    ("00000000", 255, ""), ("00000005", 1, "05"), ("01000000", 1, "00"),
])  # fmt: skip
def test_a_nonce_that_somebody_else_splits_carries_one_machine(nonce, machines, prefix):
    room = room_of_blob(hashing_blob(nonce=bytes.fromhex(nonce)))
    assert (room.machines, room.prefix) == (machines, prefix)


@pytest.mark.parametrize(("job", "problem"), [
    ({"blob": hashing_blob(fork=99).hex()}, "it is of fork 99, and this program knows"),
    ({"blob": "00" * 40}, "a hashing blob has 76 to 128 bytes, and this one has 40"),
    ({"blob": hashing_blob().hex()[:-2] + "8f"}, ""),
    ({"blob": hashing_blob(time_s=2**40).hex()}, "its nonce stands at byte 40, not 39"),
])  # fmt: skip
def test_a_blob_that_no_machine_would_get_is_named(job, problem):
    found = look(BlobPool(job=job)).job
    assert found.problem
    assert found.problem.startswith(problem)


@pytest.mark.parametrize(("job", "apart_s", "doubts"), [
    ({}, 0, ()),
    ({}, -7300, ("its block is of 2.0 h ahead of this computer's time",)),
    ({}, 36_000, ("its block is of 10.0 h behind this computer's time",)),
    ({"height": 0, "seed_hash": "00" * 32}, 0,
     ("it does not say for which height it is", "its key of RandomX is all zeros")),
])  # fmt: skip
def test_an_odd_job_is_doubted(job, apart_s, doubts):
    said = BlobPool(job=job).answers["login"]["job"]
    assert blob_job_found(read_job(said, "rx/0"), now_s=TIME_S + apart_s).doubts == doubts


def test_a_pool_that_gives_no_sign_of_life_is_shown_without():
    assert look(BlobPool(answers={"keepalived": None}), limits=impatient(rest_s=0.1)).alive_ms is None
    assert look(BlobPool(answers={"keepalived": ValueError("Invalid method")}),
                limits=impatient(rest_s=0.1)).alive_ms is None  # fmt: skip


# -------------------------------------------------------------------- what goes wrong


def refused(pool, kind, **options):
    with pytest.raises(kind) as caught:
        look(pool, **options)
    return caught.value


class Refuses(BlobPool):
    """Refuses a login in CryptoNote's words: an error is an object there."""

    async def _serve(self, reader, writer):
        await reader.readline()
        writer.write(
            b'{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"Invalid payment address"}}\n'
        )
        await reader.read()


def test_a_refused_login_is_a_persons_business():
    error = refused(Refuses(), AuthRejected)
    assert error.code == "HW-431"
    assert "refuses the user 4abc: Invalid payment address." in str(error)


@pytest.mark.parametrize(("pool", "text"), [
    (BlobPool(job={"algo": "cn/r"}), "a job of cn/r, and we mine rx/0"),
    (BlobPool(job={"seed_hash": None}), "seed_hash"),
    (BlobPool(job={"target": "00000000"}), "target must be 4 or 8 bytes, and not zero"),
    (BlobPool(answers={"login": "OK"}), "the answer to login must be an object"),
    (BlobPool(greeting=b"<html>\r\n" * 20), "no Stratum of Monero's kind"),
])  # fmt: skip
def test_what_is_no_monero_pool_is_said(pool, text):
    assert text in str(refused(pool, RemoteProtocolError))


def test_a_bitcoin_pool_stays_silent_and_that_is_said():
    error = refused(Pool(answers={"mining.subscribe": None}), Unavailable, limits=impatient(login_s=0.2))
    assert (error.code, error.exit_code) == ("HW-430", 5)
    assert "no answer to login in 0.2 s" in str(error)


def test_a_pool_that_hangs_up_is_said():
    class HangsUp(BlobPool):
        async def _serve(self, reader, writer):
            await reader.readline()

    assert "closed the connection" in str(refused(HangsUp(), Unavailable))


@pytest.mark.parametrize("raw", [
    {"url": "x:1", "algorithm": "randomx"},
    {"url": "x:1", "algorithm": "randomx", "user": "4abc", "solo_address": "4abc"},
])  # fmt: skip
def test_what_cannot_be_asked_of_a_monero_pool_is_refused(raw):
    with pytest.raises(OperatorError) as caught:
        parse_options(raw)
    assert caught.value.code == "HW-701"

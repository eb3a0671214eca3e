"""Looking at a pool: what it says becomes a record, and each way to fail its own error. Everything on loopback."""

import asyncio
import dataclasses
import inspect
import socket

import pytest

from hashwright.errors import (
    AuthRejected,
    HashwrightError,
    LimitRefused,
    OperatorError,
    RemoteProtocolError,
    Unavailable,
)
from hashwright.runtime.control import ask
from hashwright.runtime.route_probe import ProbeLimits, ProbeOptions, address_of_url
from hashwright.runtime.route_test import parse_options, probe, room_of, solo_problem
from unit.runtime.route_pool import (
    OTHER_SCRIPT,
    OUR_ADDRESS,
    OUR_SCRIPT,
    Pool,
    fingerprint,
    server_context,
)

PATIENT = ProbeLimits(connect_s=20, subscribe_s=20, login_s=20, job_s=20, rest_s=20)
"""For what comes: a busy machine needs longer, a quick one waits for nothing."""


def impatient(**seconds):
    """Return limits that are short for what never comes in a test, and only for that."""
    return dataclasses.replace(PATIENT, **seconds)


BITCOIN = {"coin": "bitcoin", "network": "regtest"}


def look(pool, *, tls=None, limits=PATIENT, **options):
    async def run():
        async with pool.listen(tls=tls):
            return await probe(ProbeOptions(url=pool.url, **options), limits=limits)

    return asyncio.run(run())


def refused(pool, kind, **options):
    with pytest.raises(kind) as caught:
        look(pool, **options)
    return caught.value


def test_everything_a_pool_says_is_in_the_record():
    pool = Pool(extra=[("client.show_message", ["hello"]), ("client.reconnect", ["elsewhere.example", 3333, 1])])
    found = look(pool, user="kai.probe", **BITCOIN)
    assert (found.url, found.peer, found.tls) == (pool.url, "127.0.0.1", None)
    assert (found.mask, found.mask_bits, found.difficulty, found.is_authorized) == ("1fffe000", 16, 1024.0, True)
    assert (found.room.prefix, found.room.extranonce2_size) == ("0a0b0c0d", 8)
    assert (found.room.own_bytes, found.room.machines) == (4, 256**4)
    assert found.texts == ("hello",)
    assert found.sent_to == "elsewhere.example:3333"
    assert all(number >= 0 for number in (found.connected_ms, found.subscribed_ms, found.first_job_ms))
    assert [request["method"] for request in pool.heard] == ["mining.configure", "mining.subscribe", "mining.authorize"]


def test_the_coinbase_says_whom_the_job_pays():
    job = look(Pool(), **BITCOIN).job
    assert (job.height, job.tag, job.total, job.branches) == (850_001, "/toy pool/", "312500000", 1)
    assert (job.id, job.nbits, job.is_clean, job.network_difficulty) == ("j1", "1d00ffff", True, 1.0)
    payee, commitment = job.outputs
    assert (payee.value, payee.script, payee.address, payee.is_data) == (
        "312500000", OUR_SCRIPT.hex(), OUR_ADDRESS, False,
    )  # fmt: skip
    assert (commitment.value, commitment.address, commitment.is_data) == ("0", "", True)


def test_without_a_coin_scripts_are_shown_without_addresses():
    job = look(Pool()).job
    assert [output.address for output in job.outputs] == ["", ""]
    assert (job.paid, job.problem) == ("", "")


@pytest.mark.parametrize(("script", "paid", "problem"), [
    (OUR_SCRIPT, "312500000", ""),
    (OTHER_SCRIPT, "0", f"its coinbase pays 0 of 312500000 to {OUR_ADDRESS}"),
])  # fmt: skip
def test_a_solo_pool_is_asked_whether_it_pays_us(script, paid, problem):
    options = ProbeOptions(url="x:1", solo_address=OUR_ADDRESS, **BITCOIN)
    found = look(Pool(script=script), solo_address=OUR_ADDRESS, **BITCOIN)
    assert found.job.paid == paid
    assert solo_problem(found, options) == problem


def test_a_coinbase_that_cannot_be_read_is_said():
    pool = Pool()
    pool.coinbase = type(pool.coinbase)(prefix=b"\x01\x02", suffix=b"\x03")
    found = look(pool, solo_address=OUR_ADDRESS, **BITCOIN)
    assert found.job.problem
    options = ProbeOptions(url="x:1", solo_address=OUR_ADDRESS, **BITCOIN)
    assert solo_problem(found, options).startswith("its coinbase cannot be read: ")


def test_a_pool_that_gives_work_only_after_login_is_shown_without_a_job():
    found = look(Pool(job_after="mining.authorize"), limits=impatient(job_s=0.2))
    assert (found.job, found.first_job_ms, found.is_authorized, found.difficulty) == (None, None, False, None)
    assert found.room.machines == 256**4


def test_a_pool_that_lets_go_of_who_does_not_log_in_is_shown_without_a_job():
    class Impatient(Pool):
        def _give_work(self, writer):
            writer.write_eof()

    assert look(Impatient()).job is None
    with pytest.raises(Unavailable, match="closed the connection"):
        look(Impatient(job_after="mining.authorize"), user="kai")


def test_a_pool_that_refuses_version_rolling_has_mask_0():
    assert look(Pool(answers={"mining.configure": False})).mask == "00000000"
    pool = Pool(answers={"mining.configure": None})
    assert look(pool, limits=impatient(rest_s=0.1)).mask == "00000000"
    pool = Pool()
    assert look(pool, version_rolling=False).mask == "00000000"
    assert [request["method"] for request in pool.heard] == ["mining.subscribe"]


@pytest.mark.parametrize(
    ("size", "own_bytes", "machines"),
    [(8, 4, 256**4), (7, 3, 256**3), (6, 2, 256**2), (5, 1, 256), (4, 1, 1), (3, 1, 1), (2, 0, 1), (1, 0, 1)],
)
def test_the_room_says_how_many_machines_a_connection_carries(size, own_bytes, machines):
    room = room_of(b"\x01\x02", size)
    assert (room.prefix, room.extranonce2_size, room.own_bytes, room.machines) == ("0102", size, own_bytes, machines)


def test_a_look_ends_before_who_asked_gives_up():
    assert sum(dataclasses.astuple(ProbeLimits())) < inspect.signature(ask).parameters["timeout_s"].default


# -------------------------------------------------------------------- what goes wrong


def test_a_refused_user_is_a_persons_business():
    error = refused(Pool(answers={"mining.authorize": ValueError("no such account")}), AuthRejected, user="kai")
    assert error.code == "HW-431"
    assert "refuses the user kai: no such account (24)" in str(error)


@pytest.mark.parametrize(
    ("pool", "limit", "text"),
    [
        (Pool(answers={"mining.subscribe": None}), "subscribe_s", "no answer to mining.subscribe"),
        (Pool(answers={"mining.authorize": None}), "login_s", "no answer to mining.authorize"),
        (Pool(job_after=""), "job_s", "no answer to the wish for a job"),
    ],
)
def test_silence_ends_in_time_and_says_what_was_asked(pool, limit, text):
    error = refused(pool, Unavailable, user="kai", limits=impatient(**{limit: 0.2}))
    assert (error.code, error.exit_code) == ("HW-430", 5)
    assert text in str(error)


def test_a_web_server_is_no_pool():
    error = refused(Pool(greeting=b"<html>\r\n" * 20), RemoteProtocolError)
    assert "no Stratum" in str(error)


def test_nobody_there_is_unreachable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match="Connection refused") as caught:
            asyncio.run(probe(ProbeOptions(url=url), limits=PATIENT))
    assert (caught.value.code, caught.value.exit_code) == ("HW-430", 5)


def test_for_others_only_public_addresses_are_connected_to():
    pool = Pool()
    error = refused(pool, LimitRefused, for_others=True)
    assert (error.code, error.exit_code) == ("HW-106", 6)
    assert pool.heard == []


# -------------------------------------------------------------------- TLS


def test_a_pinned_certificate_is_trusted():
    digits = fingerprint()
    pin = ":".join(digits[at : at + 2].upper() for at in range(0, 64, 2))
    found = look(Pool(), tls=server_context(), pin_sha256=pin)
    assert (found.tls.sha256, found.tls.trusted) == (fingerprint(), "pinned")
    assert found.tls.version.startswith("TLS")
    assert found.url.startswith("stratum+ssl://")


def test_a_certificate_that_nobody_signed_is_shown_and_nothing_is_sent():
    pool = Pool()
    error = refused(pool, AuthRejected, tls=server_context(), user="kai", password="secret")
    assert error.code == "HW-435"
    assert f"--pin-sha256 {fingerprint()}." in error.hint
    assert pool.heard == []


def test_another_certificate_than_the_pinned_one_is_refused_before_a_word():
    pool = Pool()
    error = refused(pool, AuthRejected, tls=server_context(), pin_sha256="00" * 32, user="kai")
    assert error.code == "HW-435"
    assert fingerprint() in str(error)
    assert pool.heard == []


def test_tls_where_there_is_none_is_said():
    async def run():
        async with Pool(greeting=b'{"hello": 1}\n').listen() as pool:
            url = pool.url.replace("+tcp", "+ssl")
            return await probe(ProbeOptions(url=url), limits=PATIENT)

    with pytest.raises(Unavailable, match="no TLS there"):
        asyncio.run(run())


# -------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("pool.example:3333", "stratum+tcp://pool.example:3333"),
        ("stratum+tcp://pool.example:3333", "stratum+tcp://pool.example:3333"),
        ("stratum+ssl://pool.example:443", "stratum+ssl://pool.example:443"),
        ("stratum+tls://pool.example:443", "stratum+ssl://pool.example:443"),
        ("[::1]:3333", "stratum+tcp://[::1]:3333"),
    ],
)
def test_the_usual_forms_of_an_address_are_read(url, text):
    assert str(address_of_url(url)) == text


@pytest.mark.parametrize("url", ["", "pool.example", "http://pool.example:80", "pool.example:99999", "a b:1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(OperatorError) as caught:
        address_of_url(url)
    assert caught.value.code == "HW-104"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({}, "HW-701"),
        ({"url": "x:1", "algorithm": "md5"}, "HW-701"),
        ({"url": "x:1", "colour": "red"}, "HW-701"),
        ({"url": "x:1", "solo_address": OUR_ADDRESS}, "HW-701"),
        ({"url": "x:1", "solo_address": OUR_ADDRESS, "coin": "bitcoin"}, "HW-204"),
        ({"url": "x:1", "solo_address": "non sense", "coin": "bitcoin"}, "HW-207"),
    ],
)
def test_options_that_are_not_usable_are_refused(raw, code):
    with pytest.raises(HashwrightError) as caught:
        parse_options(raw)
    assert caught.value.code == code

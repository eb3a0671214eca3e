"""Where an upstream is: ordered fall-backs, the way back to the primary, redirects, TLS with a pin, and the gate."""

import asyncio
import dataclasses
import hashlib
import json
import shutil
import ssl
import subprocess

import pytest
from structlog.testing import capture_logs

from hashwright.errors import AuthRejected, Disconnected, LimitRefused
from hashwright.runtime.outgoing import check_outgoing, why_not_public
from shell.upstream_pool import QUICK, Pool, job_params, play, pools, running, share, until


def quick(**limits):
    return dataclasses.replace(QUICK, **limits)


SLOW_HOME = quick(home_s=1000.0)
"""Nobody tries the primary again while a test looks at something else."""

# -------------------------------------------------------------------- fall-backs


def test_a_dead_primary_leads_to_the_fall_back_and_a_dead_fall_back_to_the_primary():
    async def story(first):
        async with (
            pools(Pool(prefix="02")) as (second,),
            running(first.url, second.url, limits=SLOW_HOME) as app,
        ):
            port = first.port
            await until(lambda: app.desk.jobs)
            await first.stop()
            await until(lambda: len(app.desk.opened) == 2)
            assert app.desk.opened[1].prefix == b"\x02"
            assert app.desk.states == ["connecting", "connected", "unreachable", "connected"]
            shown = app.upstream.describe()
            assert (shown["address"], shown["is_primary"]) == (second.url, False)
            await first.start(port=port)
            await second.stop()
            await until(lambda: len(app.desk.opened) == 3)
            assert app.upstream.describe()["is_primary"] is True

    play(story)


def test_a_primary_that_refuses_us_leads_to_the_fall_back():
    async def story(first):
        first.on["mining.authorize"] = lambda client, request: client.reply(request, False)
        async with (
            pools(Pool(prefix="02")) as (second,),
            running(first.url, second.url, limits=SLOW_HOME) as app,
        ):
            await until(lambda: app.desk.jobs)
            assert app.desk.states == ["connecting", "refused", "connected"]
            assert app.desk.opened[0].prefix == b"\x02"

    play(story)


def test_the_primary_is_taken_back_when_it_has_given_a_job_and_only_then_the_other_goes():
    async def story(first):
        port = first.port
        await first.stop()
        async with (
            pools(Pool(prefix="02")) as (second,),
            running(first.url, second.url, limits=quick(first_job_s=0.3)) as app,
        ):
            await until(lambda: app.desk.jobs)
            first.gives_jobs = False
            await first.start(port=port)
            await until(lambda: len(first.clients) > 2)
            assert len(app.desk.opened) == 1  # it is back, but without work: nobody is sent there
            first.gives_jobs = True
            await until(lambda: app.desk.closed)
            kinds = [(type(event).__name__, getattr(event, "channel", 0)) for event in app.desk.events]
            newer = app.desk.opened[1].channel
            assert kinds.index(("UpstreamJobSeen", newer)) == kinds.index(("ChannelOpened", newer)) + 1
            assert kinds.index(("UpstreamJobSeen", newer)) < kinds.index(("ChannelClosed", 101))
            assert app.desk.closed[0].reason == "the primary is back"
            assert app.upstream.describe()["is_primary"] is True
            await until(second.client.ended.is_set)
            await asyncio.sleep(3 * QUICK.home_s)
            assert len(app.desk.opened) == 2

    play(story)


def test_a_primary_that_dies_with_its_first_job_takes_nobody_away():
    async def story(first):
        port = first.port
        await first.stop()

        def authorize(client, request):
            client.reply(request)
            job = {"id": None, "method": "mining.notify", "params": job_params()}
            end = {"id": None, "method": "mining.set_difficulty", "params": [0]}
            client.send_raw(b"\n".join(json.dumps(line).encode() for line in (job, end)) + b"\n")

        first.on["mining.authorize"] = authorize
        async with (
            pools(Pool(prefix="02")) as (second,),
            running(first.url, second.url) as app,
        ):
            await until(lambda: app.desk.jobs)
            await first.start(port=port)
            await until(lambda: len(first.clients) > 2)
            assert app.upstream.describe()["address"] == second.url
            assert 101 not in [event.channel for event in app.desk.closed]

    play(story)


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_connection_that_is_given_up_waits_for_its_answers_but_not_for_ever(is_answered):
    async def story(first):
        port = first.port
        await first.stop()
        async with (
            pools(Pool(prefix="02")) as (second,),
            running(first.url, second.url, limits=quick(drain_s=20.0 if is_answered else 0.3)) as app,
        ):
            held = []
            second.on["mining.submit"] = lambda _client, request: held.append(request)
            await until(lambda: app.desk.jobs)
            app.upstream.submit(share(1))
            await until(lambda: held)
            await first.start(port=port)
            await until(lambda: len(app.desk.opened) == 2)
            assert app.desk.closed == []
            if is_answered:
                second.client.reply(held[0])
            await until(lambda: app.desk.closed)
            assert [verdict.share for verdict in app.desk.verdicts] == ([1] if is_answered else [])

    play(story)


# -------------------------------------------------------------------- client.reconnect


def redirect(*params):
    def story_of(check, **options):
        async def story(first):
            async with pools(Pool(prefix="02")) as (second,):
                target = [item if item != "PORT" else second.port for item in params]
                with capture_logs() as lines:
                    async with running(first.url, limits=quick(back_off_first_s=5.0), **options) as app:
                        await until(lambda: app.desk.jobs)
                        first.client.tell("client.reconnect", *target)
                        await check(app, first, second, lines)

        play(story)

    return story_of


def test_a_redirect_to_another_port_of_the_same_host_is_obeyed():
    async def check(app, first, second, lines):
        await until(lambda: app.desk.closed)
        assert app.desk.closed[0].reason == "the upstream asked us to go elsewhere"
        assert [event.prefix.hex() for event in app.desk.opened] == ["aabbccdd", "02"]
        assert app.desk.jobs[-1].channel == app.desk.opened[1].channel
        assert app.upstream.describe()["address"] == second.url
        second.client.abort()
        await until(lambda: app.upstream.describe()["is_primary"])  # a redirect holds until it fails once

    redirect("127.0.0.1", "PORT", 0)(check)


def test_a_redirect_without_host_or_port_is_a_new_connection_to_the_same_place():
    async def check(app, first, second, lines):
        await until(lambda: app.desk.closed)
        assert len(first.clients) == 2
        assert second.clients == []
        assert app.desk.closed[0].channel == 101

    redirect()(check)


def test_a_redirect_to_an_allowed_host_is_obeyed():
    async def check(app, first, second, lines):
        await until(lambda: second.clients and app.desk.closed)
        assert app.desk.opened[1].prefix == b"\x02"

    redirect("LOCALHOST", "PORT", "0")(check, reconnect_hosts=["localhost"])


@pytest.mark.parametrize(
    "host", ["localhost", "evil.example", "127.0.0.1.evil.example", "stratum+tcp://127.0.0.1", "127.0.0.2", "a b"]
)
def test_a_redirect_to_any_other_host_is_ignored_and_said(host):
    async def check(app, first, second, lines):
        first.client.job("after")
        await until(lambda: app.desk.jobs[-1].job == "after")
        assert app.desk.closed == []
        assert second.clients == []
        assert [line["code"] for line in lines if "code" in line] == ["HW-434"]

    redirect(host, "PORT", 0)(check)


def test_an_upstream_that_hangs_up_after_a_redirect_finds_us_at_the_new_place():
    async def check(app, first, second, lines):
        first.client.close()
        await until(lambda: [link["prefix"] for link in app.upstream.describe()["links"]] == ["02"])
        await until(lambda: app.upstream.describe()["address"] == second.url)
        assert app.desk.closed[0].channel == 101

    redirect("127.0.0.1", "PORT", 0)(check)


def test_a_fall_back_that_comes_up_after_the_redirect_is_closed_again():
    async def story(first):
        async with pools(Pool(prefix="02"), Pool(prefix="03")) as (target, fallback):
            held = []
            target.on["mining.authorize"] = lambda client, request: held.append((target, client, request))
            fallback.on["mining.authorize"] = lambda client, request: held.append((fallback, client, request))
            async with running(first.url, fallback.url, limits=SLOW_HOME) as app:
                await until(lambda: app.desk.jobs)
                first.client.tell("client.reconnect", "127.0.0.1", target.port, 0)
                first.client.close()
                await until(lambda: len(held) == 2)
                for pool, client, request in sorted(held, key=lambda entry: entry[0] is fallback):
                    pool.mining_authorize(client, request)
                    await until(lambda client=client: client.server.prefix in [e.prefix.hex() for e in app.desk.opened])
                await until(lambda: len(app.desk.closed) == 2)
                shown = app.upstream.describe()
                assert [link["prefix"] for link in shown["links"]] == ["02"]
                assert shown["address"] == target.url

    play(story)


def test_a_redirect_to_nowhere_leaves_the_connection_as_it_is():
    async def check(app, first, second, lines):
        await until(lambda: any("does not work" in line["event"] for line in lines))
        assert app.desk.closed == []
        assert app.upstream.describe()["address"] == first.url

    redirect("127.0.0.1", 1, 0)(check)


def test_at_most_one_redirect_a_minute_is_obeyed():
    async def check(app, first, second, lines):
        await until(lambda: app.desk.closed)
        second.client.tell("client.reconnect", "127.0.0.1", first.port, 0)
        second.client.job("after")
        await until(lambda: app.desk.jobs[-1].job == "after")
        assert len(first.clients) == 1
        assert any("again within a minute" in line["event"] for line in lines)

    redirect("127.0.0.1", "PORT", 0)(check)


# -------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """A self-signed certificate: the server's context and its fingerprint."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    assert openssl is not None
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pool.test",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem",
        ],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    der = ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())
    return context, hashlib.sha256(der).hexdigest(), folder / "cert.pem"


def over_tls(identity, check, **options):
    async def story(_plain):
        pool = await Pool().start(tls=identity[0])
        try:
            with capture_logs() as lines:
                async with running(pool.url.replace("+tcp", "+ssl"), limits=quick(home_s=1000.0), **options) as app:
                    await check(app, pool, lines)
        finally:
            await pool.stop()

    play(story)


def test_with_the_right_pin_a_self_signed_certificate_will_do(identity):
    async def check(app, pool, lines):
        await until(lambda: app.desk.jobs)
        app.upstream.submit(share(1))
        await until(lambda: app.desk.verdicts)
        assert app.upstream.describe()["address"].startswith("stratum+ssl://127.0.0.1:")

    pin = identity[1].upper()
    over_tls(identity, check, pin_sha256=":".join(pin[place : place + 2] for place in range(0, 64, 2)))


def test_with_a_wrong_pin_nothing_is_sent_and_the_text_says_what_was_found(identity):
    async def check(app, pool, lines):
        await until(lambda: "refused" in app.desk.states)
        assert identity[1] in app.upstream.detail
        assert "another certificate than the pinned one" in app.upstream.detail
        await until(lambda: app.upstream.describe()["failures"] > 2)
        assert all(client.asked == [] for client in pool.clients)
        assert app.desk.opened == []

    over_tls(identity, check, pin_sha256="ab" * 32)


def test_without_a_pin_a_certificate_that_nobody_signed_is_refused(identity):
    async def check(app, pool, lines):
        await until(lambda: "refused" in app.desk.states)
        assert "its certificate is not trusted" in app.upstream.detail
        assert app.desk.opened == []
        assert all(client.asked == [] for client in pool.clients)

    over_tls(identity, check)


def test_without_a_pin_a_certificate_of_a_trusted_signer_will_do(identity, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(identity[2]))

    async def check(app, pool, lines):
        await until(lambda: app.desk.jobs)

    over_tls(identity, check)


def test_a_redirect_never_leaves_tls(identity):
    async def check(app, pool, lines):
        async with pools(Pool(prefix="02")) as (plain,):
            await until(lambda: app.desk.jobs)
            pool.client.tell("client.reconnect", "127.0.0.1", plain.port, 0)
            await until(lambda: any("does not work" in line["event"] for line in lines))
            assert app.desk.closed == []
            assert all(client.asked == [] for client in plain.clients)

    over_tls(identity, check, pin_sha256=identity[1])


def test_a_port_without_tls_is_unreachable_and_no_password_goes_there():
    async def story(pool):
        async with running(pool.url.replace("+tcp", "+ssl")) as app:
            await until(lambda: "unreachable" in app.desk.states)
            assert app.desk.opened == []

    def nothing(_client, _request):
        raise AssertionError("it was greeted")

    async def hooked(pool):
        pool.on.update({"mining.configure": nothing, "mining.subscribe": nothing, "mining.authorize": nothing})
        pool.on["connect"] = lambda client, _request: client.close()
        await story(pool)

    play(hooked)


# -------------------------------------------------------------------- the gate


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "localhost", "10.1.2.3", "172.16.0.1",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::1", "2001:db8::1", "2001:0:1::1", "fec0::1", "::7f00:1", "100::1",
    ],
)  # fmt: skip
def test_on_behalf_of_others_only_public_addresses_are_let_through(host):
    with pytest.raises(LimitRefused) as caught:
        asyncio.run(check_outgoing(host, 3333, for_others=True))
    assert caught.value.code == "HW-106"
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("::ffff:8.8.8.8", "an IPv4 address in the form of IPv6"),
        ("fe80::1%lo", "an address of one network card"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.1", "multicast"),
        ("64:ff9b::808:808", "a carrier of another address"),
        ("100.64.0.1", "not public"),
        ("10.0.0.1", "private"),
        ("pool.example", "not an address"),
        ("9.9.9.9", ""),
    ],
)
def test_the_gate_says_in_words_why(address, words):
    assert why_not_public(address) == words


@pytest.mark.parametrize("host", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "172.32.0.1", "100.128.0.1"])
def test_public_addresses_pass_the_gate_as_they_are(host):
    assert asyncio.run(check_outgoing(host, 3333, for_others=True)) == (host,)


def test_the_operators_own_settings_may_name_any_address():
    assert asyncio.run(check_outgoing("127.0.0.1", 1, for_others=False)) == ("127.0.0.1",)
    assert asyncio.run(check_outgoing("10.0.0.1", 1, for_others=False)) == ("10.0.0.1",)


def resolving(monkeypatch, loop, *addresses):
    async def getaddrinfo(host, port, **_):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    async def story():
        loop = asyncio.get_running_loop()
        resolving(monkeypatch, loop, "8.8.8.8", "8.8.8.8", "1.1.1.1")
        assert await check_outgoing("pool.example", 1, for_others=True) == ("8.8.8.8", "1.1.1.1")
        resolving(monkeypatch, loop, "8.8.8.8", "10.0.0.1")
        with pytest.raises(LimitRefused, match=r"leads to 10\.0\.0\.1, which is private"):
            await check_outgoing("pool.example", 1, for_others=True)
        resolving(monkeypatch, loop)
        with pytest.raises(Disconnected):
            await check_outgoing("pool.example", 1, for_others=True)

    asyncio.run(story())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "..", "x..y"])
def test_names_that_lead_nowhere_are_unreachable(host):
    with pytest.raises(Disconnected):
        asyncio.run(check_outgoing(host, 1, for_others=False))


def test_an_upstream_of_others_is_not_connected_to_a_private_address():
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            app.upstream.for_others = True
            pool.client.abort()
            await until(lambda: "which is loopback" in app.upstream.detail)
            assert len(pool.clients) == 1

    play(story)


def test_the_addresses_of_a_name_are_tried_in_turn(monkeypatch):
    """The first one refuses the connection, the second one takes it; the name is not looked up again."""

    async def story(pool):
        asked = []

        async def check(host, port, *, for_others):
            asked.append(host)
            return ("127.0.0.9", "127.0.0.1")

        monkeypatch.setattr("hashwright.runtime.upstream_dial.check_outgoing", check)
        async with running(f"stratum+tcp://pool.example:{pool.port}") as app:
            await until(lambda: app.desk.jobs)
        assert asked == ["pool.example"]

    play(story)


def test_failures_have_the_class_that_says_who_must_act():
    assert issubclass(LimitRefused, Exception)
    assert LimitRefused("x", code="HW-106").exit_code == 6
    assert AuthRejected("x", code="HW-435").exit_code == 1
    assert Disconnected("x", code="HW-430").exit_code == 5

"""The runtime's small parts: settings, destinations, secrets, the breather, the supervisor, the control socket."""

import asyncio
import random
import stat

import pytest

from hashwright.adapters.secret import read_secret
from hashwright.clock import ManualClock
from hashwright.errors import ConfigError, Disconnected, InvariantBroken, NotSupported, OperatorError, Unavailable
from hashwright.pool.events import ClockTicked
from hashwright.runtime import control
from hashwright.runtime.breather import RATE_MIN, ROUND_MAX, Breather
from hashwright.runtime.config import SETTINGS, load_config
from hashwright.runtime.destinations import event_of, parse_destination
from hashwright.runtime.engines import Engines
from hashwright.runtime.kernel import Kernel
from hashwright.runtime.replay import snapshot_of, state_of
from hashwright.runtime.supervisor import Supervisor

GOOD = {
    "name": "home",
    "coin": "bitcoin",
    "network": "regtest",
    "address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
}

# -------------------------------------------------------------------- settings


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path):
    file = tmp_path / "hw.toml"
    file.write_text('log_level = "error"\nlog_format = "json"\ndata_dir = "/from/file"\n')
    config = load_config(
        file=file, environ={"HW_LOG_FORMAT": "text", "HW_DATA_DIR": "/from/env"}, flags={"data_dir": "/flag"}
    )
    assert (str(config.data_dir), config.log_format, config.log_level) == ("/flag", "text", "error")
    assert config.origins == {
        "data_dir": "flag --data-dir",
        "log_format": "environment HW_LOG_FORMAT",
        "log_level": str(file),
        "postgres_url_from": "default",
        "listen": "default",
        "tls_certificate": "default",
        "tls_key": "default",
        "randomx_mode": "default",
        "randomx_threads": "default",
        "rented_proof_from": "default",
        **dict.fromkeys(
            ("fail_safe", "web_start", "web_listen", "web_url", "web_certificate", "web_key", "web_proxy"), "default"
        ),
    }
    assert {str(item) for item in config.listen} == {
        "sha256d=127.0.0.1:3333", "scrypt=127.0.0.1:3335", "randomx=127.0.0.1:3337",
    }  # fmt: skip


def test_every_problem_is_reported_at_once_with_its_place(tmp_path):
    file = tmp_path / "hw.toml"
    file.write_text('log_level = "loud"\nnonsense = 1\ndata_dir = "relative"\nlisten = ["md5=127.0.0.1:1"]\n')
    with pytest.raises(ConfigError) as caught:
        load_config(file=file, environ={}, flags={})
    places = sorted(finding.place.rsplit(", ", 1)[-1] for finding in caught.value.findings)
    assert places == ["data_dir", "listen", "log_level", "nonsense"]
    assert all(str(file) in finding.place for finding in caught.value.findings)


@pytest.mark.parametrize(
    "listen", ["", "sha256d", "sha256d=", "sha256d=host", "sha256d=h:99999", "sha256d=h:\u0663", 7, []]
)
def test_listeners_of_another_form_are_refused(listen):
    with pytest.raises(ConfigError):
        load_config(file=None, environ={}, flags={"listen": listen if listen != "" else " "})


def test_a_file_that_is_no_toml_and_a_missing_named_one_are_findings(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("= = =")
    for file in (bad, tmp_path / "absent.toml"):
        with pytest.raises(ConfigError):
            load_config(file=file, environ={}, flags={})


def test_every_setting_has_a_title_and_a_variable():
    assert all(setting.title and setting.variable.startswith("HW_") for setting in SETTINGS)


# -------------------------------------------------------------------- destinations and secrets


def test_a_destination_becomes_an_event():
    event = event_of(parse_destination(GOOD))
    assert (event.destination, event.algorithm, event.coinbase_tag) == ("home", "sha256d", b"/Hashwright/")
    assert event.payout_script.hex().startswith("0014751e76e8")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": "No Spaces"}, "name"),
        ({"network": "moon"}, "network"),
        ({"address": "nonsense"}, "address"),
        ({"coin": "ethereum"}, "coin"),
        ({"shares_per_minute": 0.0}, "shares_per_minute"),
        ({"coinbase_tag": "x" * 41}, "coinbase_tag"),
        ({"unknown": 1}, "destination"),
    ],
)
def test_a_wrong_destination_is_refused_with_its_place(change, place):
    with pytest.raises(ConfigError) as caught:
        parse_destination(GOOD | change)
    assert [finding.place for finding in caught.value.findings] == [place]


def test_ethereum_is_answered_and_not_forgotten():
    with pytest.raises(ConfigError, match=r"2022-09-15.*Ethereum Classic"):
        parse_destination(GOOD | {"coin": "ethereum"})
    with pytest.raises(NotSupported):
        event_of(parse_destination(GOOD).__class__(**(GOOD | {"coin": "ethereum"})))


def test_secrets_come_from_a_file_the_environment_or_a_credential(tmp_path):
    (tmp_path / "pw").write_text("s3cret\n")
    assert read_secret(f"file:{tmp_path / 'pw'}") == "s3cret"
    assert read_secret("env:PW", environ={"PW": "x"}) == "x"
    assert read_secret("credential:pw", environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "s3cret"
    for wrong in ("env:NONE", "file:/none/there", "credential:pw", "s3cret", ""):
        with pytest.raises(ConfigError):
            read_secret(wrong, environ={})


# -------------------------------------------------------------------- breather


def breathe(counts, *, step_s):
    """Play rounds with so many messages each; return how often the loop paused."""
    now, pauses, waiting = [0.0], [], []
    breather = Breather(call_soon=waiting.append, monotonic=lambda: now[0], pause=pauses.append)
    for count in counts:
        for _ in range(count):
            breather.count()
        now[0] += step_s
        for callback in waiting:
            callback()
        waiting.clear()
    return len(pauses)


def test_the_loop_pauses_only_while_many_messages_come_one_by_one():
    assert breathe([1] * 2000, step_s=1 / (RATE_MIN * 4)) > 1000
    assert breathe([1] * 2000, step_s=2 / RATE_MIN) == 0
    assert breathe([ROUND_MAX] * 2000, step_s=1 / RATE_MIN) == 0


# -------------------------------------------------------------------- supervisor


def test_a_failing_service_is_started_again_and_a_broken_rule_ends_all():
    async def story():
        supervisor = Supervisor(random.Random(1))
        starts = []

        async def service():
            starts.append(1)
            if len(starts) == 1:
                raise Disconnected("gone", code="HW-414")
            raise InvariantBroken("broken", code="HW-604")

        supervisor.start("it", service)
        async with asyncio.timeout(5):
            await supervisor.wait()
        await supervisor.close()
        return len(starts), type(supervisor.failure)

    assert asyncio.run(story()) == (2, InvariantBroken)


# -------------------------------------------------------------------- control socket


def test_the_socket_is_its_owners_and_answers_commands_and_refusals(tmp_path):
    async def story():
        async def hello(arguments):
            return {"hello": arguments["name"]}

        async def refuse(_):
            raise ConfigError("No.", code="HW-701", hint="Do not.")

        server = control.ControlServer(control.socket_path(tmp_path), {"hello": hello, "refuse": refuse})
        await server.start()
        assert stat.S_IMODE((tmp_path / control.SOCKET_NAME).stat().st_mode) == 0o600
        assert await control.ask(tmp_path, "hello", name="kai") == {"hello": "kai"}
        with pytest.raises(OperatorError) as caught:
            await control.ask(tmp_path, "refuse")
        assert (caught.value.code, caught.value.hint, caught.value.exit_code) == ("HW-701", "Do not.", 3)
        with pytest.raises(OperatorError, match="knows no command"):
            await control.ask(tmp_path, "nothing")
        await server.stop()
        with pytest.raises(Unavailable) as gone:
            await control.ask(tmp_path, "hello", name="kai")
        assert gone.value.exit_code == 5

    asyncio.run(story())


def test_a_kept_line_is_one_connection_and_finds_a_process_that_began_anew(tmp_path):
    async def story():
        asked, came = [], asyncio.Event()

        async def hello(arguments):
            asked.append(arguments["number"])
            return {"number": arguments["number"], "wires": len(server._wires)}

        async def slow(_):
            came.set()
            await asyncio.sleep(3600)

        async def start():
            server = control.ControlServer(control.socket_path(tmp_path), {"hello": hello, "slow": slow})
            await server.start()
            return server

        server = await start()
        line = control.Line(tmp_path)
        for number in range(3):
            assert await line.ask("hello", number=number) == {"number": number, "wires": 1}
        together = await asyncio.gather(*(line.ask("hello", number=number) for number in (3, 4, 5)))
        assert [it["number"] for it in together] == [3, 4, 5]
        await server.stop()
        server = await start()
        assert (await line.ask("hello", number=6))["number"] == 6
        with pytest.raises(Unavailable, match="did not answer"):
            await line.ask("slow", timeout_s=0.01)
        given_up = asyncio.ensure_future(line.ask("slow"))
        came.clear()
        await came.wait()
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await line.ask("hello", number=7))["number"] == 7  # and not what the slow one would have said
        await server.stop()
        with pytest.raises(Unavailable) as gone:
            await line.ask("hello", number=8)
        assert (gone.value.code, asked) == ("HW-704", list(range(8)))
        line.close()

    asyncio.run(story())


def test_a_path_too_long_for_a_socket_is_said(tmp_path):
    with pytest.raises(OperatorError, match="too long"):
        control.socket_path(tmp_path / ("x" * 100))


# -------------------------------------------------------------------- kernel


class Paper:
    """A writer that only remembers."""

    def __init__(self):
        self.batches = []

    def submit(self, batch):
        self.batches.append(batch)


class Timer:
    def __init__(self):
        self.calls = []

    def call_later(self, delay, callback):
        self.calls.append((delay, callback))


def test_held_effects_wait_for_their_commit_and_a_poisoned_event_is_marked():
    done, paper, timer = [], Paper(), Timer()
    kernel = Kernel(Engines(), clock=ManualClock(5), writer=paper, timer=timer, perform=done.append, next_seq=1)
    kernel.handle(ClockTicked("something else"))
    kernel.handle("no event at all")  # its step raises
    assert kernel.poisoned == 1
    assert done == []
    assert len(timer.calls) == 1
    timer.calls[0][1]()
    (batch,) = paper.batches
    assert (batch.first_seq, batch.last_seq, kernel.unwritten) == (1, 2, 2)
    assert done == []
    kernel.committed(2)
    assert [type(effect).__name__ for effect in done] == ["Alert"]
    assert kernel.unwritten == 0


def test_a_snapshot_reads_back_and_damage_is_said():
    state = Engines()
    state.pool.boot = 7
    state.pool.duplicates.add(b"x" * 32, now=1)
    again = state_of(snapshot_of(state))
    assert again.pool.boot == 7
    assert again.pool.duplicates.count() == 0
    assert state.pool.duplicates.count() == 1
    with pytest.raises(InvariantBroken):
        state_of(b"\x01nonsense")

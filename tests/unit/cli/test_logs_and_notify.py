import io
import json
import logging
import os
import socket

import pytest
import structlog

from hashwright.runtime import logs, notify_systemd


def configured(**changes):
    stream = io.StringIO()
    logs.configure(**({"level": "info", "log_format": "json", "stream": stream} | changes))
    return stream


def test_json_logs_are_one_object_a_line():
    stream = configured()
    structlog.get_logger().info("a machine says hello", peer="x\ny")
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert (record["event"], record["level"], record["peer"]) == ("a machine says hello", "info", "x\\ny")
    assert record["timestamp"].endswith("Z")


def test_text_logs_cannot_be_forged_by_a_machine():
    stream = configured(log_format="text")
    structlog.get_logger().warning("bad \x1b[2Jline\n2026 forged", problems=("\x9b", "\u202e"))
    assert len(stream.getvalue().splitlines()) == 1
    assert not {"\x1b", "\x9b", "\u202e"} & set(stream.getvalue())


def test_less_important_lines_are_left_out():
    stream = configured(level="warning")
    structlog.get_logger().info("quiet")
    assert stream.getvalue() == ""


def test_the_logs_of_libraries_come_through():
    stream = configured()
    logging.getLogger("asyncio").error("a task %s", "failed")
    record = json.loads(stream.getvalue())
    assert (record["event"], record["logger"]) == ("a task failed", "asyncio")


def test_an_exception_keeps_its_lines_in_text():
    stream = configured(log_format="text")
    try:
        raise ValueError("planted \x1b")
    except ValueError:
        structlog.get_logger().exception("a command failed")
    lines = stream.getvalue().splitlines()
    assert lines[-1] == "ValueError: planted \\x1b"


def test_auto_is_text_on_a_terminal_only():
    class Screen(io.StringIO):
        def isatty(self):
            return True

    assert logs.configure(level="info", log_format="auto", stream=Screen()) is True
    assert logs.configure(level="info", log_format="auto", stream=io.StringIO()) is False


@pytest.mark.parametrize("name", ["path", "abstract"])
def test_systemd_is_told(tmp_path, name):
    address = str(tmp_path / "s") if name == "path" else f"@hw-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + address[1:] if name == "abstract" else address)
        assert notify_systemd.notify("READY=1", environ={"NOTIFY_SOCKET": address})
        assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_nobody_listens(environ):
    assert notify_systemd.notify("READY=1", environ=environ) is False


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "x"}, 0.0),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_needed(environ, seconds):
    assert notify_systemd.watchdog_interval_s(environ=environ) == seconds

"""A notice really goes out: through Apprise, to a webhook on loopback."""

import http.server
import json
import threading

import pytest

from functional.program import program
from hashwright.adapters.notify import by_apprise
from hashwright.errors import OperatorError, Unavailable


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def address(hook):
    return f"json://127.0.0.1:{hook.server_port}/alerts"


def test_a_notice_arrives_as_it_was_written(hook):
    text = "Machine <b>evil</b> $(reboot) is gone."
    by_apprise.send(address(hook), title="Warning", body=text, level="warning")
    assert hook.got[0]["message"] == text
    assert hook.got[0]["type"] == "warning"


def test_a_service_that_says_no_is_an_error_without_its_address(hook):
    hook.status = 500
    with pytest.raises(Unavailable) as refused:
        by_apprise.send(address(hook), title="t", body="b", level="info")
    assert refused.value.code == "HW-761"
    assert str(hook.server_port) not in str(refused.value)


@pytest.mark.parametrize("wrong", ["", "no address", "secret-token://x", "json://"])
def test_an_address_of_no_known_form_is_refused_without_showing_it(wrong):
    with pytest.raises(OperatorError) as refused:
        by_apprise.check(wrong)
    assert refused.value.code == "HW-762"


@pytest.mark.functional
def test_a_program_tells_whom_it_was_told_to_tell(hook, tmp_path):
    secret = tmp_path / "hook"
    secret.write_text(address(hook))
    with program(tmp_path) as running:
        said = running.run("admin", "notify", "add", "phone", "--address-from", f"file:{secret}")
        assert "phone is told by" in said.stdout
        running.run("admin", "notify", "test", "phone")
        assert hook.got[-1]["title"] == "Hashwright: test"
        listed = running.json("admin", "notify", "ls")["notify"][0]
        assert (listed["name"], listed["problem"]) == ("phone", "")
        assert str(hook.server_port) not in running.log.read_text()
        assert "told no more" in running.run("admin", "notify", "remove", "phone").stdout

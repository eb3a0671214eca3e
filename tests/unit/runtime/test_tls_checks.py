"""What `hw doctor` says of the certificate that machines are shown."""

import time

import pytest

from hashwright.runtime.tls import tls_context
from hashwright.runtime.tls_checks import check_tls, end_of
from tls_files import certificate, openssl

DAY_MS = 86_400_000
CA = """
[ca]
default_ca = here
[here]
database = {0}/index
serial = {0}/serial
new_certs_dir = {0}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


class Shifted:
    """A clock that is off by some days; certificates of the tests are valid for two."""

    def __init__(self, days=0):
        self.days = days

    def now(self):
        return int(time.time() * 1000) + self.days * DAY_MS


def dated(folder, begin, end):
    """A certificate that is valid between two days, signed by itself."""
    (folder / "index").touch()
    (folder / "serial").write_text("01")
    (folder / "ca.cnf").write_text(CA.format(folder))
    paths = str(folder / "it.pem"), str(folder / "it.key")
    made = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=old"
    openssl(*made.split(), "-keyout", paths[1], "-out", str(folder / "it.csr"))
    signed = f"ca -batch -notext -selfsign -config {folder}/ca.cnf -keyfile {paths[1]} -in {folder}/it.csr"
    openssl(*signed.split(), "-startdate", f"{begin}000000Z", "-enddate", f"{end}000000Z", "-out", paths[0])
    return paths


def test_one_that_is_valid_for_long_is_a_tick():
    (check,) = check_tls(*certificate(), clock=Shifted(days=-30))
    assert check.state == "ok"


def test_one_that_ends_soon_is_a_warning_with_its_day():
    (check,) = check_tls(*certificate(), clock=Shifted())
    assert (check.state, check.code) == ("warning", "HW-713")
    end_s = end_of(tls_context(*certificate()), certificate()[0])
    assert 0 < end_s - time.time() <= 2 * 86_400
    assert time.strftime("%Y-%m-%d", time.gmtime(end_s)) in check.title
    assert "SIGHUP" in check.fix


@pytest.mark.parametrize(
    ("begin", "end", "word"), [("20200101", "20200201", "has ended"), ("20990101", "20990201", "not valid yet")]
)
def test_one_outside_of_its_time_is_a_cross(tmp_path, begin, end, word):
    (check,) = check_tls(*dated(tmp_path, begin, end), clock=Shifted())
    assert (check.state, check.code) == ("failed", "HW-713")
    assert word in check.title


def test_a_signed_one_is_read_without_whoever_signed_it(tmp_path):
    """A shop's certificate comes with intermediates, and its root is not in the file."""
    root, root_key = certificate("root")
    csr, leaf, key = (str(tmp_path / name) for name in ("leaf.csr", "leaf.pem", "leaf.key"))
    made = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=leaf"
    openssl(*made.split(), "-keyout", key, "-out", csr)
    signed = f"x509 -req -in {csr} -CA {root} -CAkey {root_key} -set_serial 7 -days 90 -out {leaf}"
    openssl(*signed.split())
    (check,) = check_tls(leaf, key, clock=Shifted())
    assert check.state == "ok", check


def test_a_key_of_another_certificate_is_a_cross():
    (check,) = check_tls(certificate("one")[0], certificate("two")[1], clock=Shifted())
    assert (check.state, check.code) == ("failed", "HW-701")
    assert "is not the key of" in check.title


def test_missing_files_are_one_cross_each(tmp_path):
    checks = check_tls(str(tmp_path / "no.pem"), str(tmp_path / "no.key"), clock=Shifted())
    assert [check.state for check in checks] == ["failed", "failed"]


def test_what_is_no_certificate_is_a_cross(tmp_path):
    (tmp_path / "it.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (check,) = check_tls(str(tmp_path / "it.pem"), certificate()[1], clock=Shifted())
    assert check.state == "failed"


def test_the_handshake_with_ourselves_needs_no_network(monkeypatch):
    monkeypatch.setattr("socket.socket", None)
    assert end_of(tls_context(*certificate()), certificate()[0]) > 0

"""TLS listeners as a person sets them: the address, the two files, and every way to get them wrong."""

import ssl

import pytest

from hashwright.errors import ConfigError
from hashwright.runtime.config import load_config, read_listen, read_listen_address
from hashwright.runtime.tls import tls_context
from tls_files import certificate, openssl


@pytest.mark.parametrize("text", ["sha256d=127.0.0.1:3333", "sha256d+tls=0.0.0.0:3443", "scrypt+tls=[::1]:1"])
def test_an_address_is_written_as_it_is_read(text):
    address = read_listen_address(text)
    assert str(address) == text
    assert address.is_tls == ("+tls" in text)


def test_plain_and_tls_stand_side_by_side():
    addresses = read_listen("sha256d=127.0.0.1:3333,sha256d+tls=0.0.0.0:3443")
    assert [(item.algorithm, item.port, item.is_tls) for item in addresses] == [
        ("sha256d", 3333, False),
        ("sha256d", 3443, True),
    ]


@pytest.mark.parametrize("text", ["+tls=h:1", "sha256d+tls+tls=h:1", "sha256d+ssl=h:1", "sha256d +tls=h:1", "tls=h:1"])
def test_another_scheme_is_refused(text):
    with pytest.raises(ValueError, match="no known algorithm"):
        read_listen_address(text)


def test_both_files_are_named_from_any_source(tmp_path):
    file = tmp_path / "hw.toml"
    file.write_text('listen = ["sha256d+tls=127.0.0.1:0"]\ntls_certificate = "/etc/hw/farm.pem"\n')
    config = load_config(file=file, environ={"HW_TLS_KEY": "/etc/hw/farm.key"}, flags={})
    assert (config.tls_certificate, config.tls_key) == ("/etc/hw/farm.pem", "/etc/hw/farm.key")
    assert config.origins["tls_key"] == "environment HW_TLS_KEY"


def test_without_a_tls_listener_no_file_is_needed():
    config = load_config(environ={}, flags={"listen": "sha256d=127.0.0.1:0"})
    assert (config.tls_certificate, config.tls_key) == ("", "")


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ({}, ["tls_certificate", "tls_key"]),
        ({"tls_key": "/k"}, ["tls_certificate"]),
        ({"tls_certificate": "/c"}, ["tls_key"]),
    ],
)
def test_a_tls_listener_needs_both_files(named, missing):
    with pytest.raises(ConfigError) as caught:
        load_config(environ={}, flags={"listen": "sha256d+tls=127.0.0.1:0"} | named)
    assert [finding.place for finding in caught.value.findings] == [f"default, {key}" for key in missing]


def test_a_relative_file_is_refused_once():
    flags = {"listen": "sha256d+tls=127.0.0.1:0", "tls_key": "farm.key", "tls_certificate": "/farm.pem"}
    with pytest.raises(ConfigError) as caught:
        load_config(environ={}, flags=flags)
    (finding,) = caught.value.findings
    assert (finding.place, "not an absolute path" in finding.message) == ("flag --tls-key, tls_key", True)


# ---------------------------------------------------------------- the files


def refusal(certificate_file, key_file):
    with pytest.raises(ConfigError) as caught:
        tls_context(str(certificate_file), str(key_file))
    assert caught.value.code == "HW-701"
    assert caught.value.exit_code == 3
    return [(finding.place, finding.message) for finding in caught.value.findings]


def test_a_good_pair_makes_a_context_that_takes_no_old_tls():
    context = tls_context(*certificate())
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode == ssl.CERT_NONE


def test_missing_files_are_both_named(tmp_path):
    places = refusal(tmp_path / "no.pem", tmp_path)
    assert [place for place, _ in places] == ["tls_certificate", "tls_key"]
    assert "No such file" in places[0][1]
    assert "directory" in places[1][1]
    assert [place for place, _ in refusal("", "")] == ["tls_certificate", "tls_key"]


def test_a_key_of_another_certificate_is_refused():
    ours, _ = certificate()
    _, other = certificate("other")
    assert refusal(ours, other) == [("tls_key", f"{other} is not the key of {ours}.")]


def test_files_that_are_no_pem_are_refused(tmp_path):
    ours, key = certificate()
    bad = tmp_path / "bad.pem"
    for content in (b"", b"nonsense", b"\x30\x82\x00\x00" * 100):
        bad.write_bytes(content)
        for pair in ((bad, key), (ours, bad), (key, ours)):
            ((place, message),) = refusal(*pair)
            assert place == "tls_certificate, tls_key"
            assert "PEM form" in message


def test_a_key_with_a_password_is_refused_and_nobody_is_asked(tmp_path):
    ours, key = certificate()
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", str(locked))
    ((_, message),) = refusal(ours, locked)
    assert "without a password" in message

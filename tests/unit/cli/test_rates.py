"""hw pool rates: claims from flags and files, merged with what the books prove."""

import json

import pytest

from hashwright.cli.overview import Overview, Worker
from hashwright.cli.rates import _claims, document_of, machine_claims, proofs_of, table_of
from hashwright.economics.claims import merged
from hashwright.errors import OperatorError

NOW = 1_000
NOW_MS = 1_800_000_000_000


def overview(*workers):
    found = Overview.__new__(Overview)
    for name, value in {"workers": workers, "window_s": 600.0}.items():
        object.__setattr__(found, name, value)
    return found


def worker(name, destination, shares, rate):
    found = Worker(worker=name, destination=destination)
    found.accepted, found.hashrate_hs = shares, rate
    return found


def test_the_work_of_all_destinations_is_one_machine_s():
    (proof,) = proofs_of(overview(worker("a.r1", "x", 30, 50.0), worker("a.r1", "y", 30, 70.0)))
    assert (proof.shares, proof.work, proof.seconds) == (60, 72_000, 600.0)


def test_claims_come_from_a_file_and_from_flags(tmp_path):
    file = tmp_path / "claims.json"
    file.write_text(json.dumps({"a": 100, "b": 5.5}))
    said = {it.worker: it.hashrate_hs for it in _claims(("b=2kH/s", "c = 3 M".replace(" =", "=")), file, now_ms=NOW)}
    assert said == {"a": 100.0, "b": 2000.0, "c": 3e6}


@pytest.mark.parametrize("text", ["a", "a=", "=5", "a=-1", "a=5 apples", "a=1e5", "a=nan"])
def test_a_claim_that_is_none_is_refused_in_words(text):
    with pytest.raises(OperatorError) as caught:
        _claims((text,), None, now_ms=NOW)
    assert caught.value.code == "HW-314"


@pytest.mark.parametrize("content", ["", "[1]", '{"a": "fast"}', '{"a": true}', '{"a": -1}', '{"a": NaN}'])
def test_a_file_that_is_none_is_refused_in_words(tmp_path, content):
    file = tmp_path / "claims.json"
    file.write_text(content)
    with pytest.raises(OperatorError) as caught:
        _claims((), file, now_ms=NOW)
    assert caught.value.code == "HW-314"


def test_the_table_and_the_document_say_the_same():
    rows = merged(_claims(("a=300",), None, now_ms=NOW), proofs_of(overview(worker("a", "x", 60, 100.0))), now_ms=NOW)
    assert table_of(rows).rows == (("a", "300 H/s", "100 H/s", "69.9 H/s to 138 H/s", "60", "claims more"),)
    document = document_of(rows[0])
    assert (document["judgement"], document["proven_hs"], document["claim_age_ms"]) == ("claims more", 100.0, 0)


def test_machines_of_the_fleet_claim_for_the_worker_of_their_name(monkeypatch, tmp_path):
    rows = [
        {"device": "r01", "hashrate_hs": 5200.0, "at": NOW_MS - 1000},
        {"device": "kai.r02", "hashrate_hs": 100.0, "at": NOW_MS},
        {"device": "old", "hashrate_hs": 9.0, "at": NOW_MS - 3_600_000},
        {"device": "silent", "hashrate_hs": None, "at": NOW_MS},
        {"device": "nobody", "hashrate_hs": 7.0, "at": NOW_MS},
        {"device": "unread"},
    ]
    monkeypatch.setattr("hashwright.cli.fleet_work.stored_rows", lambda folder: rows)
    workers = {"kai.r01", "kai.r02", "kai.old", "kai.silent", "kai.unread"}
    found = machine_claims(tmp_path, workers, now_ms=NOW_MS)
    assert {(it.worker, it.hashrate_hs) for it in found} == {("kai.r01", 5200.0), ("kai.r02", 100.0)}

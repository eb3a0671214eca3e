"""hledger, as Debian ships it, reads our journal, adds up by itself, and agrees with every balance."""

import subprocess

import pytest

from hashwright.ledger.export_hledger import export_hledger
from hashwright.ledger.prices import read_price_rows
from unit.ledger.books import numbered

pytestmark = pytest.mark.functional
PRICES = ["date,base,quote,price", "2026-09-20,LTC,EUR,80.00"]


def hledger(tmp_path, lines, *arguments):
    path = tmp_path / "books.journal"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["hledger", "--file", str(path), *arguments]
    environment = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_hledger_agrees(tmp_path):
    lines = list(export_hledger(numbered(), prices=read_price_rows(PRICES, feed="f"), quote="EUR"))
    done = hledger(tmp_path, lines, "check")
    assert (done.returncode, done.stderr) == (0, "")
    said = hledger(tmp_path, lines, "balance", "--flat", "--no-total", "asset:wallet", "--output-format", "csv")
    assert "11.49999000" in said.stdout


def test_hledger_judges_the_sums_too(tmp_path):
    lines = [line.replace("= 11.49999000", "= 11.49999001") for line in export_hledger(numbered())]
    assert hledger(tmp_path, lines, "check").returncode != 0

import json

import pytest

from hashwright.stratum.lines import (
    difficulty_text,
    message_line,
    notify_line,
    reconnect_line,
    set_difficulty_line,
    set_extranonce_line,
    set_mask_line,
    swap_words,
    version_line,
)
from hashwright.stratum.messages import Notify


@pytest.mark.parametrize(
    ("difficulty", "shown"),
    [
        (1.0, "1"),
        (1024, "1024"),
        (524288.0, "524288"),
        (0.5, "0.5"),
        (0.001, "0.001"),
        (1e-05, "0.00001"),
        (4.656542373906925e-10, "0.0000000004656542373906925"),
        (699.5594, "699.5594"),
        (1e16, "10000000000000000"),
        (1.5e14, "150000000000000"),
    ],
)
def test_a_difficulty_is_text_that_firmware_reads(difficulty, shown):
    assert difficulty_text(difficulty) == shown
    assert float(shown) == difficulty
    assert (
        set_difficulty_line(difficulty)
        == b'{"id":null,"method":"mining.set_difficulty","params":[%b]}\n' % shown.encode()
    )


@pytest.mark.parametrize("difficulty", [0, -1, float("nan"), float("inf")])
def test_no_senseless_difficulty_is_sent(difficulty):
    with pytest.raises(ValueError, match="finite and above zero"):
        set_difficulty_line(difficulty)


def test_a_job_is_one_line_in_the_order_of_the_wire():
    job = Notify(
        job="1f",
        prevhash_le=bytes(range(32)),
        coinbase_prefix=b"\x01\x00",
        coinbase_suffix=b"\xff",
        branch=(b"\xaa" * 32,),
        version=0x20000004,
        nbits=0x17053026,
        ntime=0x64C25820,
        is_clean=True,
    )
    line = notify_line(job)
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "id": None,
        "method": "mining.notify",
        "params": [
            "1f",
            "03020100070605040b0a09080f0e0d0c13121110171615141b1a19181f1e1d1c",
            "0100",
            "ff",
            ["aa" * 32],
            "20000004",
            "17053026",
            "64c25820",
            True,
        ],
    }


def test_words_are_swapped_as_in_golden_vector_1():
    # stratum.md 2.1: bytes 4 to 36 of the header, and the same hash as a pool sends it.
    header_order = bytes.fromhex("5a7d1a22d879a2ede55f45b8d0c78d6c5d578255bf8f03000000000000000000")
    assert swap_words(header_order).hex() == "221a7d5aeda279d8b8455fe56c8dc7d05582575d00038fbf0000000000000000"
    assert swap_words(swap_words(header_order)) == header_order


def test_a_negative_version_of_a_template_is_its_four_bytes():
    job = Notify("1", bytes(32), b"", b"", (), -1, 0, 0, False)
    assert json.loads(notify_line(job))["params"][5] == "ffffffff"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            set_extranonce_line(b"\x01\x02\x03\x04", 8),
            {"id": None, "method": "mining.set_extranonce", "params": ["01020304", 8]},
        ),
        (set_mask_line(0xE000), {"id": None, "method": "mining.set_version_mask", "params": ["0000e000"]}),
        (reconnect_line(), {"id": None, "method": "client.reconnect", "params": []}),
        (reconnect_line("pool", 3333, 5), {"id": None, "method": "client.reconnect", "params": ["pool", 3333, 5]}),
        (message_line('say "é"\n'), {"id": None, "method": "client.show_message", "params": ['say "é"\n']}),
        (version_line(7), {"id": 7, "method": "client.get_version", "params": []}),
    ],
)
def test_the_other_lines(line, expected):
    assert line.count(b"\n") == 1
    assert json.loads(line) == expected

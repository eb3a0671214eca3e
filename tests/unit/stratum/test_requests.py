import pytest

from hashwright.stratum.messages import Authorize, Configure, Submit, Subscribe, SuggestDifficulty
from hashwright.stratum.requests import (
    authorize,
    configure,
    submit,
    submit_by_field,
    subscribe,
    suggest_difficulty,
)
from hashwright.stratum.strict import Malformed

GOLDEN = ["acct.rig", "1a", "0a00000000000000", "64c25820", "591d28da", "00092000"]


def test_golden_vector_1_is_read():
    # stratum.md 2.1, an S19 XP through Braiins.
    expected = Submit(4, "acct.rig", "1a", b"\x0a" + bytes(7), 0x64C25820, 0x591D28DA, 0x00092000)
    assert submit(4, GOLDEN) == expected
    assert submit_by_field(4, GOLDEN) == expected


@pytest.mark.parametrize(("params", "bits"), [(GOLDEN[:5], None), ([*GOLDEN[:5], None], None), (GOLDEN, 0x92000)])
def test_version_bits_may_be_missing(params, bits):
    assert submit(1, params).version_bits == bits


BAD_SHARES = [
    [],
    GOLDEN[:4],
    [*GOLDEN, "00"],
    [None, *GOLDEN[1:]],
    [["acct.rig"], *GOLDEN[1:]],
    ["acct\nrig", *GOLDEN[1:]],
    ["acct.rig\n1a", *GOLDEN[2:]],
    ["acct.rig", 26, *GOLDEN[2:]],
    ["acct.rig", "x" * 65, *GOLDEN[2:]],
    *[[*GOLDEN[:2], extranonce2, *GOLDEN[3:]] for extranonce2 in ("0", "0g", "0_0f", " 00", "٣٣", "00" * 17, 10, None)],
    *[
        [*GOLDEN[:3], ntime, *GOLDEN[4:]]
        for ntime in ("64c2582", "064c25820", "0x64c258", "64_25820", 1690458144, None)
    ],
    *[[*GOLDEN[:4], nonce, GOLDEN[5]] for nonce in ("591d28d", "-91d28da", "591d28da\n", 1.5, True)],
    *[[*GOLDEN[:5], bits] for bits in ("", "92000", "0009200g", 92000, [])],
]


@pytest.mark.parametrize("params", BAD_SHARES, ids=repr)
def test_a_malformed_share_is_refused_by_both_readers_with_the_same_words(params):
    with pytest.raises(Malformed) as fast:
        submit(1, params)
    with pytest.raises(Malformed) as by_field:
        submit_by_field(1, params)
    assert str(fast.value) == str(by_field.value)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([], Subscribe(1, "", "")),
        ([None, None], Subscribe(1, "", "")),
        (["cgminer/4.11"], Subscribe(1, "cgminer/4.11", "")),
        (["bmminer/2.0.0", "57a6f098"], Subscribe(1, "bmminer/2.0.0", "57a6f098")),
        (["agent", None, "pool.example", 3333], Subscribe(1, "agent", "")),
        (["a\x00b"], Subscribe(1, r"a\x00b", "")),
        (["x" * 300], Subscribe(1, "x" * 256 + "...", "")),
        (
            ["NiceHash/1.0.0", 1700000000000, "ab" * 32],
            Subscribe(1, "NiceHash/1.0.0", "", proof_time_ms=1700000000000, proof="ab" * 32),
        ),
        (
            ["NiceHash/1.0.0", "1700000000000", "ab" * 32],
            Subscribe(1, "NiceHash/1.0.0", "", proof_time_ms=1700000000000, proof="ab" * 32),
        ),
        (["bmminer/2.0.0", "1700000000000", "ab" * 32], Subscribe(1, "bmminer/2.0.0", "1700000000000")),
        (["NiceHash/1.0.0", "57a6f098", "x"], Subscribe(1, "NiceHash/1.0.0", "57a6f098")),
        (["NiceHash/1.0.0", "0170", "x"], Subscribe(1, "NiceHash/1.0.0", "0170")),
        (["NiceHash/1.0.0", "9" * 19, "x"], Subscribe(1, "NiceHash/1.0.0", "9" * 19)),
        (["NiceHash/1.0.0", 1700000000000], Subscribe(1, "NiceHash/1.0.0", "", proof_time_ms=1700000000000)),
    ],
)
def test_subscribe_in_all_its_forms(params, expected):
    assert subscribe(1, params) == expected


@pytest.mark.parametrize(
    "params", [[5], [["a"]], ["a", 1.5], ["a", -1], ["a", 2**63], ["a", 1, 2], ["a", True], ["a", "\n"]]
)
def test_subscribe_with_wrong_types_is_refused(params):
    with pytest.raises(Malformed):
        subscribe(1, params)


@pytest.mark.parametrize(
    ("params", "password"),
    [(["u"], ""), (["u", None], ""), (["u", ""], ""), (["u", "d=1024"], "d=1024"), (["u", "x", 5], "x")],
)
def test_authorize_with_and_without_a_password(params, password):
    assert authorize(2, params) == Authorize(2, "u", password)


@pytest.mark.parametrize("params", [[], [""], [None], [5], ["u", 5], ["u\n"], ["u", "p\x00"], ["x" * 257]])
def test_authorize_with_wrong_values_is_refused(params):
    with pytest.raises(Malformed):
        authorize(2, params)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([[]], Configure(3, (), None, 0, None)),
        ([["version-rolling"]], Configure(3, ("version-rolling",), 0xFFFFFFFF, 0, None)),
        (
            [
                ["minimum-difficulty", "version-rolling", "subscribe-extranonce", "info", "new", "new"],
                {
                    "version-rolling.mask": "1FFFe000",
                    "version-rolling.min-bit-count": 2,
                    "minimum-difficulty.value": 0.5,
                    "info.hw-version": "x",
                },
            ],
            Configure(
                3,
                ("minimum-difficulty", "version-rolling", "subscribe-extranonce", "info", "new"),
                0x1FFFE000,
                2,
                0.5,
            ),
        ),
        ([["info"], {"version-rolling.mask": "not read"}], Configure(3, ("info",), None, 0, None)),
    ],
)
def test_configure_as_bip_310_has_it(params, expected):
    assert configure(3, params) == expected


@pytest.mark.parametrize(
    "params",
    [
        [],
        [None],
        ["version-rolling"],
        [{}],
        [[], []],
        [[5]],
        [["x"] * 17],
        [["x" * 65]],
        [["a\nb"]],
        [["version-rolling"], {"version-rolling.mask": "fff"}],
        [["version-rolling"], {"version-rolling.mask": None}],
        [["version-rolling"], {"version-rolling.mask": 0x1FFFE000}],
        [["version-rolling"], {"version-rolling.min-bit-count": "2"}],
        [["version-rolling"], {"version-rolling.min-bit-count": 33}],
        [["minimum-difficulty"]],
        [["minimum-difficulty"], {"minimum-difficulty.value": "1024"}],
        [["minimum-difficulty"], {"minimum-difficulty.value": 0}],
        [["minimum-difficulty"], {"minimum-difficulty.value": True}],
    ],
    ids=repr,
)
def test_configure_is_read_strictly(params):
    with pytest.raises(Malformed):
        configure(3, params)


def test_a_difficulty_is_suggested_as_a_number_and_not_as_text():
    assert suggest_difficulty(4, [512]) == SuggestDifficulty(4, 512.0)
    assert suggest_difficulty(4, [1e-9]) == SuggestDifficulty(4, 1e-9)
    for params in ([], ["512"], [0], [-1], [10**400], [None], [True]):
        with pytest.raises(Malformed):
            suggest_difficulty(4, params)

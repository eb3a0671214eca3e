import pytest

from hashwright.stratum.framing import LineSplitter


def test_lines_are_cut_at_the_line_end_and_the_rest_waits():
    lines = LineSplitter(100)
    assert lines.feed(b"one\ntwo\nthr") == [b"one", b"two"]
    assert lines.feed(b"ee\r\n\n") == [b"three\r", b""]


def test_bytes_that_come_one_by_one_make_the_same_lines():
    lines = LineSplitter(10)
    found = [line for byte in b"abc\ndef\ngh" for line in lines.feed(bytes([byte]))]
    assert found == [b"abc", b"def"]
    assert lines.feed(b"\n") == [b"gh"]


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_line_at_the_limit_passes_and_one_byte_more_ends_the_stream(is_ended):
    end = b"\n" if is_ended else b""
    exact, over = LineSplitter(8), LineSplitter(8)
    exact.feed(b"12345678" + end)
    assert not exact.is_overflowing
    assert over.feed(b"ok\n123456789" + end + b"later\n") == [b"ok"]
    assert over.is_overflowing
    assert over.feed(b"\nmore\n") == []


def test_an_endless_line_holds_no_memory():
    lines = LineSplitter(4096)
    for _ in range(1024):
        lines.feed(b"[" * 1024)
    assert lines.is_overflowing
    assert len(lines._buffer) == 0


def test_the_limit_can_grow_while_a_line_is_under_way():
    lines = LineSplitter(4)
    lines.feed(b"abcd")
    lines.limit = 8
    assert lines.feed(b"efgh\n") == [b"abcdefgh"]

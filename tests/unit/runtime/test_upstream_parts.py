"""The parts of an upstream that need no socket: the order of addresses, names, the book of shares."""

import random
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.pool.channels import upstream_channel
from hashwright.pool.events import ChannelOpened, ShareVerdict
from hashwright.pool.work import HEADER
from hashwright.runtime.upstream_limits import UpstreamLimits
from hashwright.runtime.upstream_link import room_of
from hashwright.runtime.upstream_names import NAMES_MAX, NameBook, wished_name
from hashwright.runtime.upstream_order import AddressOrder
from hashwright.runtime.upstream_settings import parse_address, parse_upstream
from hashwright.runtime.upstream_shares import OpenShare, ShareBook
from hashwright.runtime.upstream_socket import KERNEL_BUFFER, client_context, pin_problem, tune
from hashwright.stratum.messages import ShareAnswered

LIMITS = UpstreamLimits()
A, B, C, ELSEWHERE = (parse_address(f"stratum+tcp://{name}:1") for name in ("a", "b", "c", "elsewhere"))


def order_of(*addresses, seed=1):
    return AddressOrder(addresses, LIMITS, random.Random(seed))


def settings(**options):
    return parse_upstream({"name": "far", "urls": ["stratum+tcp://a:1"], "user": "acct.main", **options})


# -------------------------------------------------------------------- order


def test_each_failure_goes_to_the_next_address_round_and_round():
    order = order_of(A, B, C)
    seen = []
    for _ in range(7):
        seen.append(order.current)
        order.failed(now_s=0.0, is_refusal=False)
    assert seen == [A, B, C, A, B, C, A]
    assert order.failures == 7
    assert not order.is_home


def test_an_address_that_refused_is_left_out_for_a_while():
    order = order_of(A, B)
    order.failed(now_s=0.0, is_refusal=True)
    for _ in range(5):
        assert order.current == B
        order.failed(now_s=10.0, is_refusal=False)
    order.failed(now_s=LIMITS.refused_s + 1, is_refusal=False)
    assert order.current == A


def test_when_all_refused_the_one_that_opens_first_is_waited_for():
    order = order_of(A, B)
    order.failed(now_s=0.0, is_refusal=True)
    order.failed(now_s=70.0, is_refusal=True)
    assert order.current == A
    assert 0 <= order.pause_s(now_s=70.0) <= LIMITS.refused_s
    alone = order_of(A)
    alone.failed(now_s=0.0, is_refusal=True)
    assert alone.current == A
    assert LIMITS.refused_s / 2 <= alone.pause_s(now_s=0.0) <= LIMITS.refused_s


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_the_pause_is_drawn_below_a_bound_that_doubles_to_a_minute(failures, seed):
    order = order_of(A, seed=seed)
    order.failures = failures
    bound = min(60.0, 0.5 * 2 ** min(failures - 1, 20))
    assert 0.0 <= order.pause_s(now_s=0.0) <= bound


def test_the_jitter_is_full():
    order = order_of(A)
    order.failures = 100
    drawn = sorted(order.pause_s(now_s=0.0) for _ in range(4000))
    assert drawn[0] < 1
    assert drawn[-1] > 59
    assert 28 < sum(drawn) / len(drawn) < 32


def test_the_first_try_and_the_one_after_health_do_not_wait():
    order = order_of(A)
    assert order.pause_s(now_s=0.0) == 0.0
    order.failures = 9
    order.healthy()
    assert order.pause_s(now_s=0.0) == 0.0


def test_a_redirect_stands_in_front_until_it_fails_once():
    order = order_of(A, B)
    order.failed(now_s=0.0, is_refusal=False)
    order.follow(ELSEWHERE)
    assert order.current == ELSEWHERE
    order.failed(now_s=0.0, is_refusal=True)
    assert order.current == B
    order.follow(B)
    assert order.redirect is None
    order.follow(ELSEWHERE)
    order.go_home()
    assert (order.current, order.is_home) == (A, True)


# -------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("options", "worker", "name"),
    [
        ({}, "kai.r01", "acct.main"),
        ({"names": "workers"}, "kai.r01", "acct.r01"),
        ({"names": "workers"}, "kai.rack.7", "acct.rack.7"),
        ({"names": "workers"}, "kai", "acct.main"),
        ({"names": "workers"}, "", "acct.main"),
        ({"names": "workers", "user": "solo"}, "kai.r01", "solo.r01"),
        ({"names": "workers", "user": "a" * 250}, "kai.r" + "1" * 20, "a" * 250),
        ({"names": "mapped", "name_map": {"kai.r01": "z.9"}}, "kai.r01", "z.9"),
        ({"names": "mapped", "name_map": {"kai.r01": "z.9"}}, "kai.r02", "acct.main"),
    ],
)
def test_names_are_kept_mapped_or_put_together(options, worker, name):
    assert wished_name(settings(**options), worker) == name
    assert NameBook(settings(**options)).name_of(worker) == name


def test_a_refused_name_falls_back_to_the_base_name_with_the_shares_that_waited():
    book = NameBook(settings(names="workers"))
    assert book.is_new("acct.r01", now_s=5.0)
    assert not book.is_new("acct.r01", now_s=6.0)
    assert not book.is_new("acct.main", now_s=6.0)
    assert book.hold("acct.r01", "one")
    assert book.hold("acct.r01", "two")
    assert not book.hold("acct.main", "three")
    assert book.held == 2
    assert book.note("acct.r99", is_allowed=False) == []
    assert book.note("acct.main", is_allowed=False) == []
    assert book.note("acct.r01", is_allowed=False) == ["one", "two"]
    assert book.note("acct.r01", is_allowed=False) == []
    assert book.held == 0
    assert book.name_of("kai.r01") == "acct.main"
    assert book.in_use() == ["acct.main"]


def test_an_allowed_name_holds_nothing_any_more():
    book = NameBook(settings(names="workers"))
    book.is_new("acct.r01", now_s=5.0)
    book.hold("acct.r01", "one")
    assert book.overdue(now_s=15.0, answer_s=10.0) == []
    assert book.overdue(now_s=15.1, answer_s=10.0) == ["acct.r01"]
    assert book.note("acct.r01", is_allowed=True) == ["one"]
    assert not book.hold("acct.r01", "two")
    assert book.overdue(now_s=99.0, answer_s=10.0) == []
    assert book.name_of("kai.r01") == "acct.r01"


def test_names_without_end_cost_no_memory():
    book = NameBook(settings(names="workers"))
    for number in range(NAMES_MAX + 100):
        book.is_new(book.name_of(f"kai.{number}"), now_s=0.0)
    assert len(book.in_use()) == NAMES_MAX
    assert book.name_of("kai.0") == "acct.0"
    assert book.name_of(f"kai.{NAMES_MAX + 50}") == "acct.main"


# -------------------------------------------------------------------- shares


def answer(request, *, is_accepted=True, code=0, reason=""):
    return ShareAnswered(request, is_accepted, code, reason)


def test_answers_find_their_share_once_and_in_any_order():
    book = ShareBook(base="a")
    for number in range(3):
        book.sent(10 + number, OpenShare(number, "a", 1.0))
    assert book.answered(answer(12), now_s=1.25)
    assert book.answered(answer(10, is_accepted=False, code=21, reason="old"), now_s=3.0)
    assert not book.answered(answer(10), now_s=3.0)
    assert not book.answered(answer(99), now_s=3.0)
    assert book.take_verdicts() == (ShareVerdict(2, True, 0, "", 250), ShareVerdict(0, False, 21, "old", 2000))
    assert book.take_verdicts() == ()
    assert len(book) == 1
    assert (book.counts.submitted, book.counts.accepted, book.counts.rejected) == (3, 1, 1)
    assert (book.latency_ms(0.5), book.latency_ms(0.99), book.latency_ms(0.0)) == (2000, 2000, 250)


def test_shares_are_unanswered_since_the_oldest_or_since_the_last_answer():
    book = ShareBook(base="a")
    assert book.unanswered_s(now_s=1000.0) == 0.0
    assert book.latency_ms(0.5) is None
    book.sent(1, OpenShare(1, "a", 100.0))
    book.sent(2, OpenShare(2, "a", 105.0))
    assert book.unanswered_s(now_s=110.0) == 10.0
    book.answered(answer(2), now_s=108.0)
    assert book.unanswered_s(now_s=110.0) == 2.0
    book.answered(answer(1), now_s=111.0)
    assert book.unanswered_s(now_s=500.0) == 0.0
    book.sent(3, OpenShare(3, "a", 500.0))
    assert book.unanswered_s(now_s=501.0) == 1.0


def test_refusals_count_in_a_row_and_only_under_the_base_name():
    book = ShareBook(base="a")
    for request, (name, code) in enumerate([("a", 24), ("a", 25), ("other", 24), ("a", 24)]):
        book.sent(request, OpenShare(request, name, 0.0))
        book.answered(answer(request, is_accepted=False, code=code), now_s=0.0)
    assert book.counts.refusals == 3
    book.sent(9, OpenShare(9, "a", 0.0))
    book.answered(answer(9, is_accepted=False, code=23), now_s=0.0)
    assert book.counts.refusals == 0


# -------------------------------------------------------------------- room


@pytest.mark.parametrize("size", range(1, 17))
def test_the_room_of_a_connection_is_what_the_engine_makes_of_it(size):
    assert room_of(size) == upstream_channel(ChannelOpened("far", 1, b"", size, 0), HEADER, now=0).room


# -------------------------------------------------------------------- sockets


class OneSocket:
    """A transport as far as `tune` looks."""

    def __init__(self, plain):
        self.plain = plain
        self.high = None

    def set_write_buffer_limits(self, *, high):
        self.high = high

    def get_extra_info(self, name):
        return self.plain if name == "socket" else None


def test_sockets_are_bounded_quick_and_notice_a_peer_that_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as plain:
        transport = OneSocket(plain)
        tune(transport, send_buffer=12_345)
        assert transport.high == 12_345
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * KERNEL_BUFFER
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
    tune(OneSocket(None), send_buffer=1)


def test_servers_are_verified_unless_their_certificate_is_pinned():
    strict, pinned = client_context(""), client_context("ab" * 32)
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (pinned.verify_mode, pinned.check_hostname) == (ssl.CERT_NONE, False)
    assert pinned.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert pin_problem("", OneSocket(None)) == ""
    assert pin_problem("ab" * 32, OneSocket(None)) == "shows no certificate"

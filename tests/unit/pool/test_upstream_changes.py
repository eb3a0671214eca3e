"""What an upstream does to us: another extranonce, another mask, a lost connection, somebody else's payee."""

from hashwright.pool.effects import (
    CloseChannel,
    OpenChannel,
    SendExtranonce,
    SendMask,
    SubmitUpstream,
)
from hashwright.pool.events import (
    ChannelClosed,
    ChannelOpened,
    ClockTicked,
    DestinationRemoved,
    UpstreamChanged,
)
from hashwright.pool.step import TICK_KEY
from hashwright.signals import Alert, DestinationChanged
from unit.pool.pool_world import SCRIPT
from unit.pool.upstream_world import MASK, UpstreamWorld, kinds, only, upstream

# ---------------------------------------------------------------- what an upstream changes in mid-run


def test_a_new_extranonce_reaches_the_machines_before_the_job_that_it_holds_for():
    world = UpstreamWorld()
    world.job()
    world.machine()
    old = world.share()
    assert world.do(ChannelOpened("up", 11, b"\x01\x02\x03", 7, MASK)) == ()
    assert only(world.do(old), SubmitUpstream)[0].extranonce2[:4] == b"\x00" * 4
    world.prefix, world.size = b"\x01\x02\x03", 7
    effects = world.job(id="j2")
    assert kinds(effects)[0] == "SendExtranonce"
    assert effects[0].prefix.startswith(b"\x01\x02\x03")
    assert effects[0].extranonce2_size == 4
    (sent,) = only(world.do(world.share()), SubmitUpstream)
    assert len(sent.extranonce2) == 7


def test_a_new_extranonce_asks_old_firmware_to_reconnect():
    world = UpstreamWorld()
    world.job()
    world.machine(takes_extranonce=False)
    world.do(ChannelOpened("up", 11, b"\x01", 8, MASK))
    world.prefix = b"\x01"
    assert kinds(world.job(id="j2"))[:2] == ["AskReconnect", "MachineGone"]


def test_a_new_extranonce_with_less_room_sends_the_surplus_to_new_connections():
    world = UpstreamWorld()
    world.job()
    world.machine(1)
    world.machine(2)
    world.do(ChannelOpened("up", 11, b"\x01", 4, MASK))
    world.prefix, world.size = b"\x01", 4
    effects = world.job(id="j2")
    assert len(only(effects, OpenChannel)) == 1
    assert len(only(effects, SendExtranonce)) == 1


def test_a_new_mask_holds_at_once():
    world = UpstreamWorld()
    world.job()
    world.machine()
    assert world.do(ChannelOpened("up", 11, world.prefix, 8, 0x1FFF0000)) == (SendMask(1, 0x1FFF0000),)
    assert world.do(ChannelOpened("up", 11, world.prefix, 8, 0x1FFF0000)) == ()


def test_machines_wait_for_an_upstream_that_went_and_go_on_when_it_is_back():
    world = UpstreamWorld()
    world.job()
    world.machine()
    world.do(ChannelClosed("up", 11, "gone"))
    effects = world.do(ChannelOpened("up", 12, b"\x77", 8, MASK))
    assert kinds(effects)[0] == "SendExtranonce"
    world.prefix = b"\x77"
    assert only(world.job(channel=12), DestinationChanged)[0].state == "ready"
    assert only(world.do(world.share()), SubmitUpstream)[0].channel == 12


def test_one_of_many_connections_closes():
    world = UpstreamWorld(size=4)
    world.job()
    world.machine(1)
    world.machine(2)
    world.do(ChannelOpened("up", 12, b"\x05\x05\x05\x05", 4, MASK))
    world.job(channel=12, id="k")
    effects = world.do(ChannelClosed("up", 12, "gone"))
    assert OpenChannel("up", 2) in effects
    assert not only(effects, DestinationChanged)
    assert only(world.do(world.share(1)), SubmitUpstream)


def test_a_removed_upstream_lets_go_of_everything():
    world = UpstreamWorld()
    world.job()
    world.machine()
    world.do(world.share())
    effects = world.do(DestinationRemoved("up"))
    assert kinds(effects) == ["ReturnWork", "CloseSession", "DestinationChanged"]
    assert not [job for job in world.state.jobs.values() if job.destination == "up"]
    assert world.job(id="j9") == ()


def test_new_settings_close_the_channels():
    world = UpstreamWorld()
    world.job()
    world.machine()
    effects = world.do(upstream(shares_per_minute=12.0))
    assert only(effects, DestinationChanged)[0].state == "down"
    assert world.state.destinations["up"].settings.shares_per_minute == 12.0


def test_unused_connections_are_closed_after_a_while_but_one_stays_warm():
    world = UpstreamWorld(size=4)
    world.do(ChannelOpened("up", 12, b"\x05", 4, MASK))
    world.do(ChannelOpened("up", 13, b"\x06", 4, MASK))
    assert not only(world.do(ClockTicked(TICK_KEY)), CloseChannel)
    world.now += 601_000
    closing = only(world.do(ClockTicked(TICK_KEY)), CloseChannel)
    assert [it.channel for it in closing] == [12, 13]


def test_words_about_an_upstream_alert_once():
    world = UpstreamWorld()
    (alert,) = world.do(UpstreamChanged("up", "unreachable", "connection refused"))
    assert (alert.level, alert.code) == ("warning", "HW-430")
    assert world.do(UpstreamChanged("up", "unreachable", "still refused")) == ()
    (alert,) = world.do(UpstreamChanged("up", "refused", "unknown user"))
    assert (alert.level, alert.code) == ("critical", "HW-431")
    (alert,) = world.do(UpstreamChanged("up", "connected", ""))
    assert (alert.level, alert.code) == ("info", "HW-407")


# ---------------------------------------------------------------- who is paid


def test_every_coinbase_is_decoded():
    world = UpstreamWorld()
    world.job(tag=b"/somebody/")
    coinbase = world.state.destinations["up"].channels[11].coinbase
    assert (coinbase.height, coinbase.tag, coinbase.problem) == (100, "/somebody/", "")
    assert coinbase.outputs == ((5_000_000_000, SCRIPT),)


def test_another_tag_or_payee_is_told_once_an_hour():
    world = UpstreamWorld()
    world.job(tag=b"/somebody/")
    (alert,) = only(world.job(id="j2", tag=b"/other/"), Alert)
    assert alert.code == "HW-432"
    assert "'/somebody/'" in alert.text
    assert not only(world.job(id="j3", tag=b"/somebody/"), Alert)
    world.now += 3_600_000
    (alert,) = only(world.job(id="j4", tag=b"/somebody/", script=b"\x51"), Alert)
    assert "51" in alert.text


def test_a_coinbase_that_cannot_be_read_is_told_and_mined():
    world = UpstreamWorld()
    world.job()
    effects = world.job(id="j2", coinbase_suffix=b"\x00")
    assert only(effects, Alert)[0].code == "HW-432"
    assert "BroadcastJob" in kinds(effects)


def test_a_solo_upstream_that_pays_somebody_else_is_left():
    world = UpstreamWorld(payout_script=SCRIPT)
    world.job()
    world.machine()
    effects = world.job(id="j2", script=b"\x51")
    assert [it.level for it in only(effects, Alert)] == ["critical"]
    assert only(effects, CloseChannel)
    assert only(effects, DestinationChanged)[0].state == "down"
    assert "BroadcastJob" not in kinds(effects)
    assert only(world.job(id="j3"), DestinationChanged)[0].state == "ready", "it pays us again"


def test_a_solo_upstream_may_be_kept_by_choice():
    world = UpstreamWorld(payout_script=SCRIPT, leaves_on_mismatch=False)
    effects = world.job(script=b"\x51")
    assert only(effects, Alert)[0].level == "critical"
    assert "BroadcastJob" in kinds(effects)
    assert not only(effects, CloseChannel)

"""Every bound of an upstream and its connections, each with its reason. Tests make them small."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLimits:
    """The bounds of one upstream; times in seconds."""

    connect_s: float = 10.0
    """Name, TCP and TLS: a far pool needs one second; a black hole would keep the kernel trying for two minutes."""

    handshake_s: float = 15.0
    """For the answer to subscribe, and again for the one to authorise: pools look names up in a database."""

    first_job_s: float = 30.0
    """From authorised to the first job: it follows at once, or after the pool's own node has answered."""

    job_idle_s: float = 600.0
    """Without any job: pools give one every 30 to 60 s; ten minutes is a Bitcoin block."""

    answer_s: float = 60.0
    """Shares open, and no answer to any of them: the connection is dead, whatever TCP thinks."""

    send_buffer: int = 1 << 20
    """What an upstream that does not read may hold back [bytes]: 8,000 shares."""

    open_shares: int = 3_500
    """Shares without an answer: below the 4,096 questions that the session keeps, so that no answer is given up."""

    refusals: int = 20
    """Shares in a row that are answered with "unauthorised": it no longer takes our name."""

    news_burst: int = 60
    """Jobs, extranonces and masks at once; a block brings two or three. Each one is journaled and reaches machines."""

    news_per_s: float = 2.0
    """And for ever: the quickest pools give a job every few seconds."""

    back_off_first_s: float = 0.5
    """The longest first pause after a failure; each is drawn from zero to its bound (full jitter), which doubles."""

    back_off_max_s: float = 60.0
    """A pool that is back after an hour should not wait longer for its machines."""

    healthy_s: float = 60.0
    """After this long with a connection the back-off begins from the start again."""

    refused_s: float = 120.0
    """A refused account is tried again after half to all of this: a person must act, and pools ban who insists."""

    home_s: float = 300.0
    """How often the primary is tried while on a fall-back, give or take a quarter."""

    drain_s: float = 5.0
    """How long a connection that is given up for a better one waits for a moment without open shares."""

    reconnect_wait_s: float = 600.0
    """The longest wait of `client.reconnect` that is obeyed."""

    reconnect_gap_s: float = 60.0
    """At most one `client.reconnect` is obeyed in this time."""

    sweep_s: float = 1.0
    """How often the time-outs of all connections are looked at: one walk costs less than a timer each."""

    links: int = 4096
    """Connections to one upstream: one a machine, where its extranonce leaves no room."""

    dials: int = 16
    """Connections made at the same time: a pool takes a storm of them for an attack."""

    log_s: float = 60.0
    """One line of each kind in this time."""

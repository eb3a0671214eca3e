"""Bad news, in three forms, and every code it can carry.

Expected outcomes are values (a stale share is no exception). Problems in data are `Finding`s, all of them at once.
Exceptions are sorted by who must act:

    HashwrightError
    +-- OperatorError            a person must change something; trying again does not help
    |   +-- ConfigError          settings that are not usable, with their findings
    |   +-- AuthRejected         a node, a pool or a device refuses our credentials
    |   +-- NotSupported         this coin, device or pool cannot do that
    |   +-- PluginError          a plug-in cannot be imported or built
    |   +-- LimitRefused         a safety limit of the owner says no
    +-- ProtocolError            somebody broke the rules of the wire
    |   +-- LocalProtocolError   we were about to
    |   +-- RemoteProtocolError  the peer did
    +-- Unavailable              passes by itself: try again later
    |   +-- TimedOut, Disconnected, RateLimited, NodeSyncing
    +-- StaleInput               the newest data is older than a decision may use
    +-- InvariantBroken          our own rule is violated; never caught, never survived

`CODES` is the one table of codes; the reference page is made from it, and an unknown code cannot be raised.
"""

from dataclasses import dataclass
from typing import Final

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONFIG: Final = 3
EXIT_NOTHING: Final = 4
EXIT_UNREACHABLE: Final = 5
EXIT_LIMIT: Final = 6
EXIT_PARTLY: Final = 7
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """What a code means: for a page that a person finds by searching for it."""

    title: str
    cause: str
    action: str


def _code(title: str, cause: str, action: str) -> ErrorCode:
    return ErrorCode(title=title, cause=cause, action=action)


CODES: Final[dict[str, ErrorCode]] = {
    # 1xx: machines and the network
    "HW-101": _code("Nothing answered", "No machine answers on that network.", "Check the range."),
    "HW-103": _code(
        "Cannot listen",
        "Another program holds the port, or it is not allowed.",
        "Choose another with --listen, or stop the other program.",
    ),
    "HW-104": _code("Not a Stratum address", "The text is no host and port.", "Write stratum+tcp://host:port."),
    "HW-105": _code(
        "Stratum server unreachable", "Nothing accepts connections there.", "Start `hw up`, check host and port."
    ),
    "HW-106": _code(
        "Address is not public", "Somebody else named a private or reserved address.", "Give a public address."
    ),
    # 2xx: addresses and accounts
    "HW-201": _code(
        "Address of another coin", "The address belongs to another coin than the pool pays.", "Give one of this coin."
    ),
    "HW-202": _code(
        "Decoder and node disagree",
        "Our reading of the address gives another script than the node's.",
        "Do not mine to it; report it.",
    ),
    "HW-203": _code(
        "Worker name too long", "Some firmware cuts long names.", "Use a short account such as kai.rack-12."
    ),
    "HW-204": _code(
        "Address of another network", "A test address on the main network, or the reverse.", "Give one of this network."
    ),
    "HW-205": _code("Coin cannot be mined", "It left proof of work, or never had it.", "Choose one that can be mined."),
    "HW-206": _code("Address damaged", "The checksum does not fit: a character is wrong.", "Copy the address again."),
    "HW-207": _code("Not an address", "The text has no form of an address.", "Copy the address from the wallet."),
    "HW-208": _code(
        "Address cannot be paid by a block", "This kind of address has no output script.", "Use an ordinary address."
    ),
    "HW-209": _code(
        "RandomX is missing", "The library that checks Monero's work is not installed.", "apt install librandomx0."
    ),
    # 3xx: Stratum, workers, shares, blocks
    "HW-301": _code("Machine sends no shares", "It is connected, but silent.", "Look at its own page."),
    "HW-302": _code("First share takes long", "The machine is slow for its difficulty.", "This is normal; wait."),
    "HW-303": _code("User refused", "The pool does not take this user name.", "Check account and worker name."),
    "HW-304": _code("Block found", "A share met the network's target, and the node took the block.", "None: be glad."),
    # 4xx: nodes and feeds. 401 is kept for a stale price, 402 for a price that is too good to be true.
    "HW-403": _code("Node is not synced", "It is warming up or loading blocks.", "Wait; mining starts by itself."),
    "HW-404": _code("Block refused", "The node gave a reason against our block.", "Report it with the reason."),
    "HW-405": _code("Block not in the best chain", "Another block stands at its height now.", "None: this happens."),
    "HW-406": _code("No work yet", "The node has given no template so far.", "Check the node with `hw doctor`."),
    "HW-407": _code("Node ready", "The node gives templates.", "None."),
    "HW-408": _code("Template not usable", "The node's answer misses something.", "Check the node's version."),
    "HW-409": _code("Node on another network", "It runs main, test or regtest, not what is set.", "Correct --network."),
    "HW-410": _code(
        "Node answers nonsense", "The answer is not JSON-RPC.", "Check that the address is the node's RPC."
    ),
    "HW-411": _code("Node refused the call", "It knows the call, but says no.", "Read its reason."),
    "HW-412": _code("Node did not answer in time", "It is overloaded or stopped.", "Look at the node."),
    "HW-413": _code(
        "Block recovered", "The process died before it could note a block that the node took.", "None: it is noted now."
    ),
    "HW-414": _code("Node not ready", "It does not answer, is syncing, or refuses us.", "See `hw doctor`."),
    "HW-415": _code("Node refuses our credentials", "User, password or cookie are wrong.", "Correct them."),
    "HW-430": _code("Upstream unreachable", "It does not answer, or closed the connection.", "None: we try again."),
    "HW-431": _code("Upstream refuses us", "It does not take the user name or the password.", "Correct them."),
    "HW-432": _code("Whom an upstream pays", "Its coinbase changed, or does not pay us.", "Look: hw route status."),
    "HW-433": _code("Upstream's job not usable", "A field of the job stands for nothing.", "Tell the pool."),
    "HW-434": _code(
        "Redirect not obeyed",
        "An upstream sent us to a host that is neither its own nor in reconnect_hosts.",
        "Add the host, if it is the pool's.",
    ),
    "HW-435": _code(
        "Certificate does not fit",
        "It is not trusted, or not the one that is pinned.",
        "Ask the pool for its new fingerprint; set pin_sha256.",
    ),
    "HW-440": _code("Route cannot be followed", "The plan ran out, or cannot be trusted.", "hw route set."),
    "HW-441": _code("Route is followed again", "What made it fail is over.", "None."),
    "HW-442": _code("Destination degraded", "It refuses shares, or is silent.", "Look at it: hw route status."),
    "HW-443": _code("Machine cannot be moved", "It takes no new extranonce while it runs.", "Pin it, or leave it."),
    # 5xx: limits
    "HW-501": _code("Safety limit", "A limit that the owner set says no.", "Change the limit, or leave it."),
    # 6xx: data folder, database, journal
    "HW-601": _code("Network drive", "SQLite can lose data on network drives.", "Move data_dir to a local disk."),
    "HW-602": _code("Already running", "Another process owns this data folder.", "Stop it, or use another folder."),
    "HW-603": _code("Database of another version", "A newer or another program wrote it.", "Use that program."),
    "HW-604": _code("Journal damaged", "The hash chain or the numbers do not hold.", "hw admin restore."),
    "HW-605": _code(
        "Journal cannot be written", "The disk is full, locked or failing.", "Make room; shares wait until then."
    ),
    "HW-606": _code("Not durable", "The database cannot promise what it stores here.", "Use another disk."),
    "HW-607": _code("Entry cannot be read", "It is damaged, or of a newer program.", "Newest version, or restore."),
    "HW-608": _code("Outside effect noted twice", "One key, two contents.", "Report it: this is a fault of ours."),
    "HW-609": _code("Number too large", "A sum does not fit the database.", "Report it: this is a fault of ours."),
    "HW-610": _code("File exists", "The target of a backup is there already.", "Choose another name."),
    "HW-611": _code("Read only", "The database was opened for reading.", "Use the running process."),
    "HW-612": _code("No database yet", "This data folder was never used.", "hw up."),
    "HW-613": _code("Path too long", "Unix sockets take about 100 bytes of path.", "Choose a shorter data folder."),
    "HW-614": _code("Replay differs", "The journal, replayed, gives other effects.", "Keep the folder; report it."),
    "HW-615": _code("Backup not usable", "It does not pass the checks.", "Use another backup."),
    "HW-616": _code(
        "Disk failed while it stored",
        "It could not promise to keep what was written, so the process ended.",
        "Check the disk before the next start.",
    ),
    "HW-617": _code("Database server silent", "PostgreSQL does not answer.", "Is it up? Try psql."),
    "HW-618": _code("Not for a server", "The server's own tools do this.", "pg_dump, pg_restore."),
    "HW-619": _code("Driver missing", "PostgreSQL's driver is not installed.", 'pip install "hashwright[postgresql]".'),
    "HW-620": _code("Entry not sound", "An entry of the books does not balance.", "Report it: a fault of ours."),
    "HW-621": _code("Books do not hold", "An invariant of the ledger is broken.", "Do not pay; hw ledger check."),
    "HW-622": _code(
        "Payouts are stopped",
        "The wallet, the chain and the books do not agree.",
        "hw pool payout, hw ledger reconcile.",
    ),
    "HW-623": _code("Payout not possible", "Funds, a limit or an address forbid it.", "Read the reason."),
    "HW-624": _code("Wallet refused", "The wallet is locked, short of funds, or says no.", "Read its reason."),
    "HW-625": _code("Reserve too low", "Paying per share would go below the reserve's floor.", "Fill the reserve."),
    "HW-626": _code("Not in the books", "No entry, block or payout has that name.", "hw ledger balance."),
    "HW-627": _code("Payout address", "Somebody set where a member is paid.", "Not you? hw pool address --cancel."),
    "HW-628": _code("Prices not taken", "A file of prices cannot be read, or contradicts itself.", "Read the line."),
    "HW-629": _code("Not reconciled", "What left the wallet does not fit what was said of it.", "Read the reason."),
    "HW-640": _code("Account not understood", "An upstream's answer has another form.", "hw pool accounts; report it."),
    "HW-641": _code("Account not readable", "An upstream does not tell about the account now.", "It is tried again."),
    "HW-642": _code("Upstream owes much", "Its unpaid balance is above the cap that you set.", "hw pool accounts."),
    "HW-643": _code("Upstream pays short", "It credits clearly less than the work was worth.", "hw pool accounts."),
    "HW-644": _code("Hot wallet above its cap", "It holds more than should be online.", "Move coins to a cold one."),
    "HW-645": _code("Reserve at its floor", "The pool takes no work that it could not pay.", "hw pool reserve --add."),
    "HW-646": _code("Reserve is enough again", "The pool takes work and pays for it.", "Nothing is to be done."),
    "HW-647": _code("Reserve not moved", "The wallet or the reserve does not hold so much.", "hw pool reserve POOL."),
    "HW-648": _code("Abnormal reward held", "A block pays over three times the expected.", "hw pool release POOL."),
    "HW-649": _code("Payout scheme changed", "A new era began; nothing earned was rewritten.", "hw pool scheme POOL."),
    "HW-650": _code("Block lost after it matured", "A deep reorganisation; the pool bears it.", "hw ledger explain."),
    "HW-651": _code("Cost not booked", "It is not complete, or stands there otherwise.", "hw ledger cost --help."),
    # 7xx: settings, commands, plug-ins, this computer
    "HW-701": _code("Settings not usable", "A value is wrong, or a key is unknown.", "Each problem names its place."),
    "HW-702": _code("Secret not found", "The file, variable or credential is missing.", "Name an existing one."),
    "HW-703": _code("Unknown command", "The running process is of another version.", "Restart it."),
    "HW-704": _code("Not running", "No process answers on this data folder.", "Start `hw up`."),
    "HW-705": _code("Unknown plug-in", "There is no file of that name.", "Choose one of those listed."),
    "HW-706": _code("Plug-in twice", "Two files claim one name.", "Rename or remove one."),
    "HW-707": _code("Plug-in broken", "It cannot be imported or built.", "See its own error."),
    "HW-708": _code("Nothing matched", "The name or filter fits nothing.", "List what there is."),
    "HW-709": _code("Needs a confirmation", "The action overwrites something.", "Add --yes when you are sure."),
    "HW-710": _code(
        "Clock is wrong",
        "It is far from the node's, or before this program was written.",
        "Set it: timedatectl set-ntp true.",
    ),
    "HW-711": _code("Python too old", "Hashwright needs a newer one.", "Use Python 3.11 or newer."),
    "HW-712": _code("Library missing", "The environment is not complete.", "Set it up again: make run."),
    "HW-713": _code("Certificate ends", "The one that machines are shown has ended, or does so soon.", "Renew it."),
    # 74x to 76x: the web
    "HW-740": _code("Not signed in", "The page or the key is known to nobody.", "Sign in, or send a key."),
    "HW-741": _code("Not allowed", "Your role, or your key, does not include this.", "Ask the owner."),
    "HW-742": _code("Sign-in refused", "Name, password or one-time code do not fit.", "Try again."),
    "HW-743": _code("Too many requests", "This address asked too often.", "Wait as long as Retry-After says."),
    "HW-744": _code("Link is over", "It was used, revoked, or its time is over.", "Get a new one: hw web --new-link."),
    "HW-745": _code("Request not understood", "A value is missing, too long or of another type.", "See each place."),
    "HW-746": _code(
        "Request from elsewhere", "It came from another page, or without its session's word.", "Load the page anew."
    ),
    "HW-747": _code("Name of the server unknown", "It is not reached by this name.", "Set web_url to that address."),
    "HW-748": _code("No such thing", "There is no page, machine, person or key of that name.", "List what there is."),
    "HW-749": _code("Method not known here", "This path has no such method.", "See /api/openapi.json."),
    "HW-750": _code("Request too large", "It exceeds the bound of a request.", "Send less."),
    "HW-752": _code("Key used before", "The idempotency key belongs to another request.", "Use a new key."),
    "HW-753": _code("Outcome not known", "The same request is under way, or was cut off.", "Look, then use a new key."),
    "HW-755": _code("Password too weak", "It is short, or among the first to be tried.", "Choose a longer one."),
    "HW-756": _code("Name or note not usable", "It is taken, or has other characters.", "Choose another."),
    "HW-757": _code("Last owner", "Without an owner nobody could let others in.", "Make another owner first."),
    "HW-758": _code("Cursor not usable", "It is none that we gave out.", "Begin without a cursor."),
    "HW-760": _code("The web cannot run", "A file of TLS is not usable, or it ended by itself.", "Read its log."),
    "HW-761": _code("Notice not taken", "The service did not take it, or not in time.", "hw admin notify test NAME."),
    "HW-762": _code("Notices not usable", "An address or a time has another form.", "hw admin notify add --help."),
    "HW-764": _code("Machine is gone", "It worked here and has not come back for five minutes.", "Look at it."),
    "HW-765": _code("Machine is back", "A machine that was gone is connected again.", "None."),
    "HW-768": _code("web.sqlite not usable", "It is damaged, or of a newer program.", "Move it away; sign up anew."),
    "HW-769": _code("Too many streams", "The bound of open dashboards is reached.", "Close some pages."),
    # 9xx: our own faults
    "HW-901": _code("Internal error", "A fault of ours; the event is marked and skipped.", "Report it."),
    "HW-902": _code("Protocol broken", "A peer broke the rules of the wire.", "None, unless it repeats."),
}


def _require_known(code: str) -> None:
    if code not in CODES:
        raise LookupError(f"{code} is not in the table of error codes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem in data, with its place (`file:line`, a setting's name, an event's number)."""

    code: str
    place: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        _require_known(self.code)


class HashwrightError(Exception):
    """Any error of ours: what happened, a code to search for, and what to do."""

    exit_code: int = EXIT_FAILED

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        _require_known(code)
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint or CODES[code].action


class OperatorError(HashwrightError):
    """A person must change something."""


class ConfigError(OperatorError):
    """Settings are not usable; `findings` names every problem."""

    exit_code = EXIT_CONFIG

    def __init__(self, message: str, *, code: str, hint: str | None = None, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message, code=code, hint=hint)
        self.findings = findings


class AuthRejected(OperatorError):
    """Our credentials are refused."""


class NotSupported(OperatorError):
    """This coin, device or pool cannot do that."""


class PluginError(OperatorError):
    """A plug-in cannot be found, imported or built."""


class LimitRefused(OperatorError):
    """A safety limit of the owner says no."""

    exit_code = EXIT_LIMIT


class ProtocolError(HashwrightError):
    """Somebody broke the rules of the wire."""


class LocalProtocolError(ProtocolError):
    """We were about to break them: a fault of our caller."""


class RemoteProtocolError(ProtocolError):
    """The peer broke them. `wire_code` is what to answer; `disconnect` tells whether the connection must end."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "HW-902",
        hint: str | None = None,
        wire_code: int = 20,
        disconnect: bool = False,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.wire_code = wire_code
        self.disconnect = disconnect


class Unavailable(HashwrightError):
    """Passes by itself. `retry_after_s` is known where the peer said so."""

    exit_code = EXIT_UNREACHABLE

    def __init__(self, message: str, *, code: str, hint: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after_s = retry_after_s


class TimedOut(Unavailable):
    """No answer in time; whether it was done is unknown."""


class Disconnected(Unavailable):
    """No connection, or a lost one."""


class RateLimited(Unavailable):
    """The peer asks us to slow down."""


class NodeSyncing(Unavailable):
    """The node is warming up or loading blocks."""


class StaleInput(HashwrightError):
    """The newest data is older than a decision may use."""


class InvariantBroken(HashwrightError):
    """Our own rule is violated: never caught, never survived."""

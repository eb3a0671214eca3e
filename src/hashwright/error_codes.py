"""The one table of error codes: what each means, why it comes, and what a person does about it.

The reference page `docs/reference/errors.md` is made from it. One entry a code, in the order of the numbers.
"""

from dataclasses import dataclass
from typing import Final


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
    "HW-102": _code("Machine refuses us", "It answers, and does not take our password.", "Give its password."),
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
    "HW-107": _code("Machine does not answer", "It is off, hung, or not on this network.", "Look at its own page."),
    "HW-108": _code("Machine refused a command", "It heard it, and said no.", "Read its reason."),
    "HW-109": _code("Machine cannot do that", "Its firmware has no such command.", "Use a smart plug: kind command."),
    "HW-110": _code("Machine not understood", "Its answer has another form.", "Report it with its model."),
    "HW-111": _code("Machine reports a fault", "A fan, a board or its power supply.", "Look at its own page."),
    "HW-112": _code("Range not usable", "It is no network, or too large to ask.", "Write 192.168.1.0/24."),
    "HW-113": _code("Port not allowed", "Ports below 1024 need a right.", "Run as root, or leave that group out."),
    "HW-114": _code("Program not started", "The command is not there, or ended at once.", "Try it by hand."),
    "HW-115": _code("Machine well again", "What was told of it is over.", "None."),
    "HW-116": _code("Machine not known", "There is no machine of that name.", "hw fleet ls."),
    "HW-117": _code("Machine not measured", "It did not hold still long enough at a step.", "Try again."),
    "HW-118": _code(
        "Rating not known", "Watts are asked for, and its full power is not known.", "Set rated_w, or hw fleet profile."
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
    "HW-210": _code(
        "Fork not known",
        "The node proposes blocks of a fork whose rules this program does not know.",
        "Update Hashwright; nothing is mined until then.",
    ),
    "HW-211": _code(
        "Key of RandomX does not fit",
        "The node names another block for the key than the rules say.",
        "Check the node's version, and whether it is synced.",
    ),
    # 3xx: Stratum, workers, shares, blocks
    "HW-301": _code("Machine sends no shares", "It is connected, but silent.", "Look at its own page."),
    "HW-302": _code("First share takes long", "The machine is slow for its difficulty.", "This is normal; wait."),
    "HW-303": _code("User refused", "The pool does not take this user name.", "Check account and worker name."),
    "HW-304": _code("Block found", "A share met the network's target, and the node took the block.", "None: be glad."),
    "HW-310": _code(
        "Upstream splits the nonce",
        "It tells its clients apart by a byte of the nonce, so nothing is left to share on one connection.",
        "None: each machine gets a connection of its own there. Better name the pool itself.",
    ),
    "HW-311": _code(
        "Two proxies split the nonce",
        "A proxy behind us and we ourselves tell machines apart by the same byte; its shares are refused.",
        "Point the machines behind that proxy here without it.",
    ),
    "HW-312": _code(
        "Upstream's blob not readable",
        "A job of it is no hashing blob of a block that this program knows, so no machine gets it.",
        "Tell the pool, or update Hashwright.",
    ),
    "HW-313": _code(
        "Forged share",
        "A machine claimed a hash that its nonce has not. While not every share is hashed, it pays with good shares.",
        "Look at the machine: it is broken, or not honest.",
    ),
    "HW-314": _code(
        "Claimed hash rate not readable",
        "The text or the file is no worker with a rate.",
        "Write WORKER=RATE, or JSON.",
    ),
    # 4xx: nodes and feeds
    "HW-401": _code("Price is stale", "The newest price is older than a decision may use.", "hw admin data fetch."),
    "HW-402": _code(
        "Too good to be true",
        "A price or an offer is far above what the other sources, or the last hours, say.",
        "It was not used. Look at the source: hw admin data show.",
    ),
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
    "HW-416": _code(
        "Node makes no block for this address",
        "It does not read the address, or no block can pay one of its kind.",
        "Give the primary address of the wallet.",
    ),
    "HW-417": _code(
        "Node does not offer the call",
        "It is too old, or its RPC is restricted.",
        "Start it without --restricted-rpc, on loopback only.",
    ),
    "HW-418": _code(
        "Node wants to be paid for calls", "It is somebody else's, with RPC payments.", "Use a node of your own."
    ),
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
    "HW-436": _code(
        "Not looked at from a page",
        "Pages look for machines on networks of homes and farms only, and not on too many at once.",
        "Use your own network, or `hw find` on the machine.",
    ),
    "HW-437": _code("A scan runs already", "One is made at a time.", "Wait for it, or cancel it."),
    "HW-438": _code("No such scan", "Only the newest is kept, until the web ends.", "Look for machines again."),
    "HW-439": _code("Not found by this scan", "It did not answer there, or refuses us.", "Choose from the list."),
    "HW-440": _code("Route cannot be followed", "The plan ran out, or cannot be trusted.", "hw route set."),
    "HW-441": _code("Route is followed again", "What made it fail is over.", "None."),
    "HW-442": _code("Destination degraded", "It refuses shares, or is silent.", "Look at it: hw route status."),
    "HW-443": _code("Machine cannot be moved", "It takes no new extranonce while it runs.", "Pin it, or leave it."),
    # 5xx: limits
    "HW-501": _code("Safety limit", "A limit that the owner set says no.", "Change the limit, or leave it."),
    "HW-503": _code("Machine does not obey", "It took a command and goes on as before.", "Look at it; cut its power."),
    "HW-504": _code("Machine too hot", "It is above its ceiling.", "Look at its fans and its air."),
    "HW-505": _code("Power not plausible", "Its own figure does not fit its hash rate.", "Measure it; set rated_w."),
    "HW-506": _code("Many machines silent", "A large part of the fleet does not answer.", "Network or breaker?"),
    "HW-507": _code("Starts used up", "A machine may start only so often a day.", "Wait, or hw fleet rules."),
    "HW-508": _code("Power plan ran out", "No new one came in time.", "Look at the planner; hw fleet ls."),
    "HW-509": _code("Stopped after failures", "Too many machines refused a change.", "Look at one of them first."),
    "HW-510": _code("Rent budget reached", "Renting would spend more than its cap.", "Raise --budget, or leave it."),
    "HW-511": _code("Renting is a dry run", "Nothing is bought without --live.", "Add --live and --budget when sure."),
    "HW-512": _code("Market is full", "It holds as many orders as it takes.", "Cancel one, or try later."),
    "HW-513": _code("Renting does not pay", "The price is above what the work is expected to earn.", "Wait."),
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
    "HW-618": _code("Not for a server", "Books are not restored into a server.", "--data-dir of its own; pg_restore."),
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
    "HW-630": _code(
        "No wallet open",
        "The wallet program runs without a wallet, or cannot open it.",
        "Start it with --wallet-file, or name --wallet and where its password is.",
    ),
    "HW-631": _code(
        "Wallet has no node", "The wallet cannot read the chain.", "Look at the wallet's --daemon-address."
    ),
    "HW-632": _code(
        "Payment too large",
        "The wallet has so many small coins that they do not fit one transaction.",
        "Join them in the wallet: sweep_all to its own address.",
    ),
    "HW-633": _code(
        "Wallet of another network", "It is of main, test or stage, not what is set.", "Use another wallet."
    ),
    "HW-634": _code(
        "Coins are locked",
        "Coins of a block are locked for 60 blocks, all others for 10.",
        "None: it is tried again by itself.",
    ),
    "HW-635": _code(
        "Chain too young to pay on",
        "A payment of Monero hides among 15 other outputs, and there are not so many yet.",
        "None: it is tried again by itself.",
    ),
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
    "HW-652": _code(
        "No rule for mined coins", "It is keep, cover, or share with a part.", "hw ledger hold set --help."
    ),
    "HW-653": _code(
        "Sale not booked", "The upstream sent less, or it stands there otherwise.", "hw ledger sale --help."
    ),
    # 7xx: settings, commands, plug-ins, this computer
    "HW-654": _code(
        "Copy not whole", "A copy of the books misses rows.", "Nothing was kept. Report it: a fault of ours."
    ),
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
    "HW-714": _code(
        "Exchange rate unknown",
        "No rate of that currency to dollars is stored, and none is assumed.",
        "hw admin data fetch frankfurter.",
    ),
    "HW-715": _code(
        "Exchange rate old",
        "The newest rate of that currency is older than a decision may use.",
        "hw admin data fetch frankfurter.",
    ),
    "HW-716": _code("Exchange rate is fresh again", "Power's price is converted by a rate of these days.", "None."),
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
    # 77x: the autopilot
    "HW-770": _code("No decision was made", "The autopilot could not think; nothing was changed.", "Read its reason."),
    "HW-771": _code(
        "Autopilot not set so", "A value is wrong, or there is no such algorithm.", "hw autopilot set --help."
    ),
    "HW-772": _code("Mining loses money", "Every way of mining costs more power than it earns.", "Let machines rest."),
    "HW-773": _code("Advice waits for you", "The autopilot would change the route.", "hw autopilot apply NUMBER."),
    "HW-774": _code("No such decision", "None was kept of that time or number.", "hw autopilot decisions."),
    "HW-775": _code("Decisions are made again", "The autopilot can think again.", "None."),
    "HW-776": _code(
        "Prices too old to decide by",
        "The autopilot leaves destinations out for it.",
        "hw admin data fetch, or --fetch.",
    ),
    "HW-777": _code("Prices are fresh again", "No destination is left out for its price.", "None."),
    "HW-778": _code("Mining pays again", "The best way earns more than its power costs.", "None."),
    # 8xx: market data, economics, hardware
    "HW-801": _code("Unknown coin", "No coin of that name or ticker is known.", "Take one of those named."),
    "HW-802": _code("Unknown model", "No machine of that name is in the catalogue.", "hw compare hardware."),
    "HW-803": _code("Unit does not fit", "The number is negative, absurd, or in another unit.", "Correct the unit."),
    "HW-804": _code("Power price in cents?", "A price per kWh above 2 is hardly in dollars.", "Write 0.08, not 8."),
    "HW-805": _code("Data cannot be read", "A file has other columns, or a cell is no number.", "Read the line."),
    "HW-806": _code(
        "Days are missing", "A series has a hole; nothing was filled in.", "Fill it, or leave the span out."
    ),
    "HW-807": _code("Day twice", "A file has one day of a coin twice; the last one counts.", "Remove one of them."),
    "HW-808": _code("Not a price", "A zero, negative or broken number; it counts as unknown.", "Correct the file."),
    "HW-809": _code("Coin has ended", "Its difficulty fell to zero: nobody can mine it since.", "Leave it out."),
    "HW-810": _code("Time zone", "A day is not of UTC, or a time says no zone.", "Write days and times in UTC."),
    "HW-811": _code("Feed not understood", "Its answer has another form: HTML, say.", "Another feed serves meanwhile."),
    "HW-812": _code("Feed says: slower", "We asked it too often (HTTP 429).", "It is asked again later, by itself."),
    "HW-813": _code("Feed unreachable", "Nothing answered in time.", "The last values serve; look at the network."),
    "HW-814": _code("Sources disagree", "One source is far from the others.", "It was left out. hw admin data show."),
    "HW-815": _code("No data for this", "No source, file or snapshot knows the value.", "hw admin data import."),
    "HW-816": _code(
        "Hardware list not usable", "A row or a measurement cannot be read.", "Each problem has its place."
    ),
    "HW-817": _code("Compare only", "No session here speaks this coin's protocol.", "It is shown, never mined."),
    "HW-818": _code("Machine cannot mine this", "It computes another algorithm.", "Take a coin of its algorithm."),
    "HW-819": _code("Facts are old", "The numbers are those of the snapshot in the package.", "hw admin data fetch."),
    # 820-839: plans, backtests, audits
    "HW-820": _code(
        "Left out of the plan", "A coin, a machine or a day could not be reckoned with.", "See its reason."
    ),
    "HW-821": _code("Too little history", "Scenarios need more days that are known for all coins.", "Give more days."),
    "HW-822": _code("No rule for coins", "A rule is keep, cover, sell or a share.", "Write sell, keep, cover or 40%."),
    "HW-823": _code("What-if not understood", "It is not of the form name=change.", "Write price=+20% or growth=0.5."),
    "HW-824": _code(
        "Offer not usable", "A field of the offer is missing or impossible.", "Each problem has its place."
    ),
    "HW-825": _code("Payouts not usable", "The file has other columns, or a line is no payout.", "date,amount in CSV."),
    "HW-826": _code("Setting of the plan", "A horizon, a risk or a cap is out of its range.", "Take one in the range."),
    "HW-827": _code("Span not in the data", "The history does not cover the days asked for.", "Take a span inside."),
    "HW-828": _code(
        "No stored decision", "Nothing was decided at that time, or not stored.", "Give --file, or plan first."
    ),
    "HW-829": _code("Unknown currency", "No rate to dollars is known for it.", "Give one with --rate."),
    "HW-830": _code(
        "Plan without the solver", "It gave no answer in time.", "The simple plan serves; take fewer scenarios."
    ),
    "HW-831": _code("Decision saw the future", "A decision changed when later days were cut off.", "Report it: a bug."),
    "HW-832": _code("Hours not to be pinned", "They are over, too far ahead, or no whole quarters.", "Take others."),
    "HW-833": _code("No such group", "The power plan knows no group of that name.", "hw autopilot power status."),
    "HW-834": _code("Too many pins", "A site keeps two hundred at most.", "Let the plan have hours again."),
    "HW-835": _code("Change not taken back", "Pins were changed again since.", "Look at them and set them anew."),
    "HW-836": _code("Pin not kept", "A limit or a minimum time stands above it.", "Read which machines, and when."),
    "HW-837": _code("Nothing to reckon with", "A lever was moved to where nothing is.", "Take one in the range."),
    "HW-838": _code("Not asked in the Lab", "A site there names no file and no service.", "Use `hw plan energy`."),
    # 840-859: energy
    "HW-840": _code("Site not usable", "A value of the site's file is wrong or missing.", "Each names its place."),
    "HW-841": _code("Tariff with a hole", "No price is known for some slots.", "Plan a shorter time, or fill it."),
    "HW-842": _code("Tariff says two things", "Prices of one time contradict each other.", "Name one product only."),
    "HW-843": _code("Tariff not understood", "The answer of a tariff service has another form.", "Report it."),
    "HW-844": _code("Tariff service silent", "It does not answer, or refuses us.", "It is tried again by itself."),
    "HW-845": _code("Price hard to believe", "It is outside of what markets allow.", "Check the unit: MWh or kWh?"),
    "HW-846": _code("No weather", "The weather service is silent, or its word too old.", "The plan counts on no sun."),
    "HW-847": _code("Weather not understood", "A file or an answer has another form.", "Read the place it names."),
    "HW-848": _code("Battery hard to believe", "It reports less than nothing or more than full.", "Look at it."),
    "HW-849": _code("Extra not installed", "A part of Hashwright that needs more libraries.", "Install the extra."),
    "HW-850": _code("Solver without an answer", "It found no plan in its time.", "The last safe plan holds."),
    "HW-851": _code("Planned by the threshold rule", "There is no solver's plan to follow.", "See the reason above."),
    "HW-852": _code("Load above the limit", "The site needs more than it may draw.", "Lower it, or raise the limit."),
    "HW-853": _code("Recorded data missing", "The folder lacks a file, a zone or the time.", "Name what it has."),
    "HW-854": _code("Runs not kept to their time", "A limit needs machines off early.", "None: safety first."),
    "HW-855": _code("Plan breaks a limit", "A plan does not pass its own check.", "It is not used; report it."),
    "HW-856": _code("Forecast far off", "The meter saw clearly less or more than was told.", "It is corrected for."),
    # 860-889: the market
    "HW-860": _code("No market", "There is no market for this algorithm.", "hw market settings --help."),
    "HW-861": _code("Price not usable", "It is zero, out of bounds, or between two steps.", "hw market settings."),
    "HW-862": _code("Price in another unit", "The market quotes by another hash rate or coin.", "hw market settings."),
    "HW-863": _code("Limit not usable", "Hash rate, minimum or time are out of bounds.", "hw market settings."),
    "HW-864": _code("Reference used before", "It stands for another request.", "Give each request a --id of its own."),
    "HW-865": _code("Funds too small", "The buyer has less free than is needed.", "hw market deposit."),
    "HW-866": _code("Amount not usable", "It is below the smallest, or out of bounds.", "hw market settings."),
    "HW-867": _code("No such order", "It is over, or is not this account's.", "hw market history."),
    "HW-868": _code("Price lowered too soon", "A price is lowered once in a while only.", "Wait, or cancel."),
    "HW-869": _code("Fixed price", "It is locked, or too low to be locked.", "hw market quote."),
    "HW-870": _code("Pool not usable", "The buyer's pool failed the look before an order.", "hw route test."),
    "HW-871": _code("Pool's address not allowed", "Its port is not for pools, or it is ours.", "Name a public pool."),
    "HW-872": _code("Order paused", "Its pool is away, silent, or refuses good shares.", "Look at the pool."),
    "HW-873": _code("Order goes on", "What paused it is over.", "None."),
    "HW-874": _code("Order is over", "Spent, cancelled, expired or refused.", "None: what was left is free."),
    "HW-875": _code("Sale not usable", "Account or floor price are not usable.", "hw market sell --help."),
    "HW-876": _code("Market cannot be set", "Its pool or numbers do not fit.", "hw market settings --help."),
    "HW-877": _code(
        "Deposit taken back", "The chain dropped it after it was spent.", "Ask the buyer; hw ledger balance."
    ),
    "HW-880": _code("Public market silent", "It does not answer now.", "It is tried again where that cannot double."),
    "HW-881": _code("Public market refuses", "It says no, with a reason.", "Read its reason."),
    "HW-882": _code("Public market not understood", "Its answer has another form.", "Report it; nothing was done."),
    "HW-883": _code(
        "Outcome unknown", "An action was sent, and no answer came.", "hw market rent plan: see what stands."
    ),
    "HW-884": _code("Position behind", "A contract pays clearly less than expected.", "hw market position."),
    "HW-885": _code("The guard acted", "Hashwright died or hung; machines were put to sleep.", "Read why it died."),
    "HW-886": _code("No guard", "The process that outlives ours ended or cannot start.", "It is tried again; see ps."),
    "HW-887": _code("Import limit", "A site draws more than its file allows; machines sleep.", "Look at the load."),
    "HW-888": _code("Export limit", "A site sells more than its file allows.", "Look at the inverter's own limit."),
    # 89x: batteries
    "HW-890": _code("Battery does not obey", "Power or level are not as ordered.", "Look at the inverter's mode."),
    "HW-891": _code("Battery not believed", "It reports a level that cannot be.", "Look at it; it is left to itself."),
    "HW-892": _code("Battery does not answer", "Three looks in a row gave nothing.", "Look at network and inverter."),
    "HW-893": _code("Battery refuses orders", "It heard an order, and said no.", "Allow remote control there."),
    "HW-894": _code("Battery cannot be commanded", "[inverter] is not usable.", "docs/battery.md shows it."),
    "HW-895": _code("Battery not given back", "It did not say yes to its own mode.", "Set it to automatic by hand."),
    # 9xx: our own faults
    "HW-901": _code("Internal error", "A fault of ours; the event is marked and skipped.", "Report it."),
    "HW-902": _code("Protocol broken", "A peer broke the rules of the wire.", "None, unless it repeats."),
    # 95x: power plans that drive the fleet
    "HW-950": _code("Power autopilot not set so", "A value of it is wrong.", "hw autopilot power set --help."),
    "HW-951": _code("The last power plan holds", "No new one could be made.", "Read its reason; it goes on by itself."),
    "HW-952": _code("Power by the threshold rule", "There is no solver's plan to follow.", "Read its reason."),
    "HW-953": _code("No power plan", "Nothing is known to plan by, and the last plan is over.", "Read its reason."),
    "HW-954": _code("Power plan waits for you", "The autopilot would drive machines.", "hw autopilot power apply N."),
    "HW-955": _code("Nothing to plan for", "No group of the site's file is in the fleet.", "hw fleet tag group=NAME."),
    "HW-956": _code("Meter not understood", "A line or a file of the meter has another form.", "docs/energy.md."),
    "HW-957": _code("No such power turn", "None was kept of that time or number.", "hw autopilot power turns."),
    "HW-958": _code("Fail-safe not heard", "A machine was to sleep at the end and said no.", "Cut its power."),
    "HW-959": _code("Fleet is not live", "A live plan is only rehearsed.", "hw fleet rules --live."),
    "HW-960": _code("A job of yours runs", "The Lab does one at a time for each person.", "Wait for it, or end it."),
    "HW-961": _code("The Lab is busy", "It does two jobs at once for all.", "Try again in a minute."),
    "HW-962": _code(
        "Job took too long", "The Lab ends a job after two minutes.", "Ask less, or use `hw` in a terminal."
    ),
    "HW-963": _code("Job failed", "It ended without an answer: its bounds, or a fault.", "Ask less; else report it."),
    "HW-964": _code("Not in the Lab", "A job asks nobody, and writes nothing.", "Use `hw` in a terminal."),
    "HW-965": _code("No report", "The job has no answer, or not yet.", "Wait for it, or start it again."),
    # 966-969: the market over time
    "HW-966": _code("Series out of bounds", "It asks for too long or too fine.", "Ask for 24 hours in 96 points."),
    "HW-967": _code("Id not usable", "A request's id is 1 to 128 printable characters.", "Give another --id."),
    # 97x: copies of the dashboard, and what its pages ask
    "HW-970": _code("Copy of web.sqlite is damaged", "It does not hold what such a copy must.", "Use another backup."),
    "HW-971": _code("The web runs", "Its database is in use and cannot be replaced.", "Stop hw web first."),
    "HW-972": _code("Buyer without account", "His name is no account of the market.", "Make an account without a dot."),
    "HW-973": _code("Address of notices missing", "A new target needs one.", "Give its Apprise address."),
    # 974 to 979: buying hash power by a bot
    "HW-974": _code(
        "Worth of rented work unknown", "No destination that fits says it.", "--like DEST or --books POOL."
    ),
    "HW-975": _code("Not done any more", "Something changed since it was decided.", "None: the next turn looks anew."),
    "HW-976": _code("No such rental", "None is kept under that name.", "hw market rent list."),
    "HW-977": _code("Rental in use", "An order stands, or an autopilot buys by it.", "End that first."),
    "HW-978": _code(
        "Rental needs a look", "Its market refuses, or an order may stand.", "hw market rent history NAME."
    ),
    "HW-979": _code("Offer not accepted", "Its audit speaks against it, or it pays nothing.", "Read the audit; --yes."),
}

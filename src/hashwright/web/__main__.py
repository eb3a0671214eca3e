"""`python -m hashwright.web`: the web as a process; `hw web` and `hw up` start it so."""

import signal
import sys

from hashwright.errors import HashwrightError
from hashwright.runtime import logs
from hashwright.runtime.config import load_config
from hashwright.runtime.parent import end_with_parent
from hashwright.runtime.web_process import CHILD, NEW_LINK
from hashwright.web.serve import check_tls, run


def main() -> int:
    """Read the settings from the environment and serve; as a child of `hw up`, for as long as that one lives."""
    parents = [word.partition("=")[2] for word in sys.argv[1:] if word.startswith(f"{CHILD}=")]
    if parents and parents[0].isdecimal():
        end_with_parent(signal.SIGTERM, parent=int(parents[0]))
    try:
        config = load_config()
        logs.configure(level=config.log_level, log_format=config.log_format)
        check_tls(config)
        run(config, wants_link=NEW_LINK in sys.argv[1:])
    except HashwrightError as error:
        print(f"{error.code} {error.message} {error.hint}", file=sys.stderr)  # noqa: T201 (for a person)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

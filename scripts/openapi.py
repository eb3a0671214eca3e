"""Write frontend/openapi.json, from which the front end's types are made: the document of the program as it is.

`scripts/openapi.py` writes it, `scripts/openapi.py --check` compares it with what is committed.
"""

import json
import pathlib
import sys
import tempfile

FILE = pathlib.Path("frontend/openapi.json")


def document() -> str:
    """Build the application on an empty folder and ask it."""
    from hashwright.runtime.config import Config
    from hashwright.runtime.system import SystemClock
    from hashwright.web.database import AccessDatabase
    from hashwright.web.serve import site_on
    from hashwright.web.site import build

    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        config = Config(data_dir=data, listen=(), log_level="error", log_format="text", origins={})
        database = AccessDatabase.open(data)
        site = site_on(config, database, clock=SystemClock(), address="http://127.0.0.1:8080")
        schema = build(site).openapi_schema.to_schema()
        database.close()
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def main() -> int:
    found = document()
    if "--check" not in sys.argv[1:]:
        FILE.write_text(found)
        return 0
    if FILE.read_text() != found:
        print(f"{FILE} differs from the program. Run: scripts/openapi.py, then cd frontend && npm run types")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

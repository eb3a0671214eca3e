"""The web without a server: the application behind its shield, asked in this process."""

import asyncio
import contextlib

import httpx

from hashwright.clock import ManualClock
from hashwright.runtime.config import Config, WebAddress
from hashwright.web.database import AccessDatabase
from hashwright.web.live import Picture
from hashwright.web.serve import hosts_of, site_on
from hashwright.web.site import shielded

ADDRESS = "http://127.0.0.1:8080"
NOW = 1_800_000_000_000
PASSWORD = "four random words"


class World:
    """A data folder, a clock that is set by hand, and clients."""

    def __init__(self, folder):
        self.clock = ManualClock(NOW)
        self.database = AccessDatabase.open(folder)
        config = Config(
            data_dir=folder, listen=(), log_level="info", log_format="text", origins={},
            web_listen=WebAddress(host="127.0.0.1", port=8080),
        )  # fmt: skip
        self.site = site_on(config, self.database, clock=self.clock, address=ADDRESS)
        self.site.live.picture = Picture(number=1, at_ms=NOW)  # nothing runs: it is not waited for
        self.app = shielded(self.site, hosts=hosts_of(config, ADDRESS))

    def client(self, **headers):
        """A caller of its own."""
        wire = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=wire, base_url=ADDRESS, headers=headers)

    async def owner(self, name="kai"):
        """A browser that is signed in as a new owner."""
        word = self.site.accounts.new_setup(now=self.clock.now())
        browser = self.client()
        answer = await browser.post("/api/v1/setup", json={"token": word, "name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        browser.headers["x-hw-csrf"] = answer.json()["csrf"]
        return browser

    async def key(self, *scopes):
        """A program with a key."""
        word = self.site.keys.add_key("test", scopes, days=None, by="test", now=self.clock.now())
        return self.client(authorization=f"Bearer {word}")


@contextlib.contextmanager
def world(folder):
    item = World(folder)
    try:
        yield item
    finally:
        item.database.close()


def run(work):
    return asyncio.run(work)

"""The owner's own litecoind: asked only where its address is given, with user and password in it. It knows no price."""

from hashwright.adapters.feeds._core import core_feed

FEED = core_feed(program="litecoind", coin="litecoin", seen_as="live", port=9332)

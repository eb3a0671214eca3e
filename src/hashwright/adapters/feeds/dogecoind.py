"""The owner's own dogecoind: asked only where its address is given, with user and password in it. It knows no price."""

from hashwright.adapters.feeds._core import core_feed

FEED = core_feed(program="dogecoind", coin="dogecoin", seen_as="documented", port=22555)

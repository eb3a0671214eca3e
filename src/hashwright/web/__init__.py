"""The web: a process of its own that shows what the store holds and sends what people ask over the control socket.

It owns one thing: who may look and act (`web.sqlite` in the data folder). It holds no share, no key of a wallet and no
setting of the pool, so it may crash, be stopped or be attacked without touching a session (docs/decisions/0025).
"""

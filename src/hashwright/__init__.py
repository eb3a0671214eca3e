"""Hashwright: the autopilot for proof-of-work mining."""

__version__ = "0.1.0"

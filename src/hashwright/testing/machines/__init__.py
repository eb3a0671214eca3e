"""Simulated machines: hundreds in one process, on loopback, with the interfaces of real ones."""

"""Stratum wire protocols without I/O: bytes to messages and back."""

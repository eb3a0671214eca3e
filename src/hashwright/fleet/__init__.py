"""Machines: what each can do, how it is, and what it should draw. No vendor's protocol and no price is known here."""

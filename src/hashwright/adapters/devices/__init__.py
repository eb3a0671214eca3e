"""Machines of many makers: one file a kind. Each can do what it has a method for, and no more."""

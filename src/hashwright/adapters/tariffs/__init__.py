"""Tariffs of electric energy: one file adds one kind."""

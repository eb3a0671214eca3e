"""Batteries that can be commanded, one file a way to reach them."""

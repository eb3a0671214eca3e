"""Tariffs, sun, wind, battery and site: formulas and models over series. Pure; it knows no socket, file or clock."""

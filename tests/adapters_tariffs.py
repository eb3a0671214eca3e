"""Build a tariff from a table as a site's file does, and ask it."""

import asyncio

from hashwright import registry
from hashwright.energy.settings import read_struct


def built(table):
    """Give the tariff of a table, or None, and the findings."""
    plugin = registry.load("tariffs", table["kind"]).PLUGIN
    findings = []
    config = read_struct(plugin.config, table, "tariff", findings)
    return (plugin.build(config) if config is not None else None), findings


def prices(table, start_ms, end_ms):
    """Ask the tariff of a table for a time."""
    tariff, findings = built(table)
    assert tariff is not None, findings
    return asyncio.run(tariff.prices(start_ms, end_ms, now_ms=start_ms))

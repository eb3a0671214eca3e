"""A world in virtual time: the real asyncio code of `runtime` on a simulated clock, network, disk and node.

One seed is one run, to the byte: hours pass in seconds, power is cut in the middle, and what is claimed is checked
against what machines wrote down outside (reference reliability.md 4).
"""

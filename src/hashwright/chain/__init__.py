"""Consensus facts: what the rules of a chain say, and nothing about pools, owners or the time of day."""

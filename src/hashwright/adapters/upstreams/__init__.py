"""Read-only readers of accounts at other people's pools, a file each. None can move money."""

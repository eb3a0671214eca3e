"""Double entry in any currency: accounts, entries, balances, checks, statements. It does not know mining."""

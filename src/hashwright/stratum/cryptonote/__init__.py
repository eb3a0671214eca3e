"""CryptoNote's Stratum: logins, jobs with a blob, shares with their hash. Monero's machines speak it."""

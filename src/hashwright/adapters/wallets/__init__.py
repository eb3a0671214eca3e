"""Wallets: what can pay, or only look. Hashwright never holds a seed; it asks a wallet to sign what it chose itself."""

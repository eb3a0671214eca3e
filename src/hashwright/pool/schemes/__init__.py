"""One file a payout scheme; the file name is its key."""

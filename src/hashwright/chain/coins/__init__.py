"""One file a coin; the file name is its key."""

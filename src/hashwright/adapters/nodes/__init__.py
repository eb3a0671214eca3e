"""One file a kind of full node; the file name is its key."""

"""Sources of prices and network statistics: one file a service; the file name is its key."""

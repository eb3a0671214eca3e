"""Where weather comes from: one file adds one source."""

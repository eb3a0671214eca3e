"""Which machine mines for which destination now, and what was asked against what was delivered."""

"""The best schedule for the next hours, and what would have happened: pure functions over series."""

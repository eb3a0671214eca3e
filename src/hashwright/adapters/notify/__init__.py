"""Ways to tell a person: one file a way."""

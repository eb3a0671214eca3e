"""Which shares count and what work is owed to whom."""

"""What mining is worth: rewards, and what others owe for work. Pure; it knows no device and no socket."""

"""Switching policies, one file each; the file name is its key. Each defines POLICY: a class made without arguments."""

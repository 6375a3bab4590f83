"""The places alerts can go to, one per file."""

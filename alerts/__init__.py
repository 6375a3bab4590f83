"""Stored facts in, alerts out."""

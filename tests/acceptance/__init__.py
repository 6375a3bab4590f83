"""Measuring on recorded forums: `make acceptance`."""

"""Parties, configurations that were saved, quotes and sales orders."""

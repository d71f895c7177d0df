"""The JSON API under /api/v1: what the storefront knows, for programs. It reads no cookie and sets none."""

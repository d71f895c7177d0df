"""The README's pictures, rendered from a running demo house: `make screenshots`."""

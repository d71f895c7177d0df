"""Master data: what is published, and the catalog files that change it."""

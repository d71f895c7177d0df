"""The application: one department a folder (views parse, call and render; services know no HTTP)."""

__version__ = "0.1.0"

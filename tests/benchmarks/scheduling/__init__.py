"""Suites of the scheduling engine: instances made by others, generated shops, planted optima, promises."""

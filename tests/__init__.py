"""Tests mirror the rooms; `journeys` walk through a real browser, `benchmarks` measure."""

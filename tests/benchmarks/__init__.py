"""Benchmarks: `make bench [SUITE=name] [OUT=file] [FULL=1]`. Last figures stand in RESULTS.md."""

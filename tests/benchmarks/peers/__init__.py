"""What the configuration engine is compared with: programs that read questions and write answers, one JSON line each.

They import nothing of the project; a model comes to them as a statement (see tests/benchmarks/statement.py).
"""

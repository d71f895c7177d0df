"""Manufacturing orders, the live schedule of each plant, promises out of it, the planner's board and the shop floor.

Knows nothing of sales: an order carries release, due, promise, priority and an opaque pegging key.
"""

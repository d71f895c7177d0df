"""How a scheduling peer talks: a question a line, with the file that states the instance and the seconds there are."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Row = tuple[int, int, int, int]  # job, step, line, start
Solver = Callable[[dict[str, Any], float], tuple[list[Row], float | None]]


def serve(solve: Solver) -> None:
    """Answer until the questions end. Only reading the statement is not counted."""
    for line in sys.stdin:
        asked = json.loads(line)
        with open(asked["statement"], encoding="utf-8") as file:
            shop = json.load(file)
        start = time.perf_counter()
        rows, bound = solve(shop, asked["seconds"])
        answer = {"rows": rows, "bound": bound, "seconds": time.perf_counter() - start}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

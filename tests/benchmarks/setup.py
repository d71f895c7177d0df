"""Suite `setup`: how long until a newcomer sees the first page, on an empty cache and the second time?"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.house import ROOT, free_port, stop, wait_until_ready
from tests.benchmarks.report import Row

COLD_LIMIT_SECONDS = 600


def run(*, full: bool) -> Iterator[Row]:
    """Clone the last commit, `make run` with empty package caches, stop, `make run` again."""
    with tempfile.TemporaryDirectory(prefix="bench-setup-") as name:
        clone, caches = Path(name, "clone"), Path(name, "caches")
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        foreign = ("CONFIGURATOR_", "VIRTUAL_ENV", "MAKE", "MFLAGS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        env = kept | {"PIP_CACHE_DIR": str(caches / "pip"), "npm_config_cache": str(caches / "npm")}
        yield Row("setup", "demo", "ours", "cold_s", _first_page(clone, env), "s", "empty pip and npm caches")
        yield Row("setup", "demo", "ours", "warm_s", _first_page(clone, env), "s")


def _first_page(clone: Path, env: dict[str, str]) -> float:
    port = free_port()
    start = time.perf_counter()
    process = subprocess.Popen(
        ["make", "run", f"PORT={port}"], cwd=clone, env=env, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until_ready(port, process, COLD_LIMIT_SECONDS)
        return time.perf_counter() - start
    finally:
        stop(process)

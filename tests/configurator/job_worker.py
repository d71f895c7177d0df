"""A job worker with one kind of job, for tests that kill it: `python -m tests.configurator.job_worker URL FOLDER`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from configurator import db
from configurator.config import Settings
from configurator.jobs import Chore, JobContext, handler, work
from configurator.logs import configure_logs


@handler("write lines")
def write_lines(context: JobContext) -> dict[str, int]:
    """Append a line for every start; then work in steps of 50 ms until done or stopped."""
    file = Path(context.arguments["file"])
    with file.open("a") as lines:
        lines.write("started\n")
    steps = 0
    while steps < context.arguments["steps"] and not context.stop.wait(0.05):
        steps += 1
        context.report(steps=steps)
    return {"steps": steps}


def main() -> None:
    """Work until SIGTERM."""
    url, folder = sys.argv[1:]
    configure_logs("json", "WARNING")
    db.connect(url)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    ready = Chore("ready", 3600, lambda: (Path(folder) / "ready").touch())
    work(Settings(mode="demo", data=folder, database_url=url, worker_name="test-worker"), [ready], stop)


if __name__ == "__main__":
    main()

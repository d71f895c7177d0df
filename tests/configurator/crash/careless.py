"""A web server that answers before it commits: what the crash test must find. Never used but by that test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from configurator.config import load_settings
from configurator.db import Database

LATE_SECONDS = 1.5


@contextmanager
def _late(self: Database) -> Iterator[Session]:
    """The caller goes on at once; the transaction is committed a little later, as an asynchronous commit would."""
    session = Session(self._writing, expire_on_commit=False)
    try:
        yield session
        session.flush()
    except BaseException:
        session.close()
        raise

    def finish() -> None:
        time.sleep(LATE_SECONDS)
        session.commit()
        session.close()

    threading.Thread(target=finish).start()


if __name__ == "__main__":
    Database.writing = _late  # type: ignore[method-assign]
    from configurator.server import serve

    serve(load_settings())

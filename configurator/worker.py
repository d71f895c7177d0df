"""The job worker of this house: which chores it does and how often, beside the jobs."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import NoReturn

from configurator.app import create_app
from configurator.config import Settings
from configurator.jobs import Chore, work

ROOM_EVERY = 600.0  # seconds


def chores(settings: Settings) -> list[Chore]:
    """What is done again and again while the house is open."""
    from configurator.modelling.compiling import rebuild_missing
    from configurator.planning.clock import roll
    from configurator.planning.holds import sweep
    from configurator.planning.room import make_rooms
    from configurator.sales.address_checks import lapse_unconfirmed
    from configurator.sales.carts import forget_old
    from configurator.sales.dates import watch_dates
    from configurator.sales.mails import forget_addresses, send_due_mails
    from configurator.sales.old_files import forget_old_files
    from configurator.sales.payments import lapse
    from configurator.sales.quotes import expire
    from configurator.storefront.drafts import forget_old_drafts

    rush = Chore("room for rush orders", ROOM_EVERY, partial(make_rooms, settings, {}), time.monotonic() + ROOM_EVERY)
    return [
        Chore("factory clock", 60, partial(roll, settings)),
        Chore("expired holds", 15, sweep),
        Chore("moved dates", 60, watch_dates),
        Chore("mails", 5, partial(send_due_mails, settings)),
        Chore("expired quotes", 60, expire),
        Chore("old carts", 3600, forget_old),
        Chore("old drafts", 3600, forget_old_drafts),
        Chore("addresses of links", 3600, forget_addresses),
        Chore("old files", 3600, forget_old_files),
        Chore("deposits that did not come", 60, lapse),
        Chore("addresses that nobody confirmed", 60, lapse_unconfirmed),
        Chore("compiled revisions", 3600, rebuild_missing),
        *([rush] if settings.room_seconds else []),
    ]


def load_jobs() -> None:
    """Load every module that does jobs: they announce themselves."""
    from configurator.modelling import submissions  # noqa: F401
    from configurator.planning import optimise, simulations, why  # noqa: F401


def run_worker(settings: Settings, stop: threading.Event) -> NoReturn:
    """Work until `stop`. The application gives chores and jobs their words, templates and addresses."""
    app = create_app(settings)
    load_jobs()
    with app.app_context():
        work(settings, chores(settings), stop)

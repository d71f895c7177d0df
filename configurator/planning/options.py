"""What planning takes from the settings; each process sets it once at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configurator.config import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """`reports_itself`: the demo factory needs no people.

    `buffer_minutes`, `grace_minutes`, `near_minutes`: of a company that has not set its own (`margins.Margins`).
    `hold_minutes`: how long a date is held; `hold_share`: percent of each line's week that holds of people who did not
    log in may take together, or one of them alone up to that of the whole plant's.
    """

    horizon_days: int = 120
    buffer_minutes: int = 60
    reports_itself: bool = False
    hold_minutes: int = 30
    hold_share: float = 5.0
    thought_seconds: float = 2.0
    grace_minutes: int = 0
    near_minutes: int = 60


_options = Options()


def configure(settings: Settings) -> None:
    """Take the settings of this process."""
    global _options
    _options = Options(
        settings.horizon_days, settings.buffer_minutes, settings.demo, settings.hold_minutes, settings.hold_share,
        settings.thought_seconds,
        settings.grace_minutes, settings.near_minutes,
    )


def options() -> Options:
    """What this process was configured with."""
    return _options

"""When lines work: shifts, nights, holidays, downtime and clocks that jump, against a minute-by-minute oracle."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from catalog.factory import (
    DAYS,
    Calendar,
    Downtime,
    Line,
    SetupMatrix,
    plants_of,
    scheduling_lines,
    setup_seconds,
    windows,
)
from catalog.load import load_catalog
from configurator.db import Database
from solver.scheduling.problem import SchedulingProblem, Window
from tests.catalog.small import LAMP, section

only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # nothing here depends on it
EVERY_DAY = tuple(day.value for day in DAYS)
MINUTE = timedelta(minutes=1)

# The days around which something happens to the clock.
MOMENTS = {
    "spring, Berlin": ("Europe/Berlin", date(2026, 3, 29)),
    "autumn, Berlin": ("Europe/Berlin", date(2026, 10, 25)),
    "spring, New York": ("America/New_York", date(2026, 3, 8)),
    "autumn, New York": ("America/New_York", date(2026, 11, 1)),
    "half an hour, Lord Howe": ("Australia/Lord_Howe", date(2026, 10, 4)),
    "half an hour back, Lord Howe": ("Australia/Lord_Howe", date(2026, 4, 5)),
    "midnight is skipped, Beirut": ("Asia/Beirut", date(2026, 3, 29)),
    "a day is skipped, Apia": ("Pacific/Apia", date(2011, 12, 30)),
    "leap day, Shanghai": ("Asia/Shanghai", date(2028, 2, 29)),
    "new year, Kathmandu": ("Asia/Kathmandu", date(2027, 1, 1)),
}


def calendar(zone: str, shifts: list[tuple[tuple[str, ...], str, str]], holidays: list[date] | None = None) -> Calendar:
    return Calendar(
        company_id=1, code="c", zone=zone,
        weekly=[{"days": list(days), "start": start, "end": end} for days, start, end in shifts],
        holidays=[{"first": day.isoformat(), "last": day.isoformat()} for day in holidays or ()],
    )  # fmt: skip


def downtime(start: datetime, end: datetime) -> Downtime:
    return Downtime(company_id=1, line_id=1, starts_at=start, ends_at=end)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def spans(found: tuple[Window, ...]) -> list[tuple[datetime, datetime]]:
    return [(datetime.fromtimestamp(w.start, UTC), datetime.fromtimestamp(w.end, UTC)) for w in found]


def hours(found: tuple[Window, ...]) -> float:
    return sum(w.end - w.start for w in found) / 3600


# --- the oracle -----------------------------------------------------------------------------------------------------


class Clock:
    """A wall clock that is read every minute: no arithmetic on local times, no `fold`."""

    def __init__(self, zone: str, first: datetime, last: datetime) -> None:
        local = ZoneInfo(zone)
        self.minutes = [first + n * MINUTE for n in range(int((last - first) / MINUTE))]
        self.shown = [instant.astimezone(local).replace(tzinfo=None, fold=0) for instant in self.minutes]

    def instant(self, wanted: datetime) -> datetime:
        """When the hand first passes this time; where it jumps over it, the jump is taken as not yet done."""
        for index, shown in enumerate(self.shown):
            if shown == wanted:
                return self.minutes[index]
            if shown > wanted:
                return self.minutes[index - 1] + (wanted - self.shown[index - 1])
        raise AssertionError("the clock was not read long enough")


def working_minutes(
    of: Calendar, downtimes: list[Downtime], start: datetime, end: datetime, days: list[date]
) -> set[datetime]:
    clock = Clock(of.zone, start - timedelta(days=5), end + timedelta(days=5))
    closed = [(date.fromisoformat(h["first"]), date.fromisoformat(h["last"])) for h in of.holidays]
    found: set[datetime] = set()
    for day in days:
        if any(first <= day <= last for first, last in closed):
            continue
        for shift in of.weekly:
            if EVERY_DAY[day.weekday()] not in shift["days"]:
                continue
            opens, closes = time.fromisoformat(shift["start"]), time.fromisoformat(shift["end"])
            until = day + timedelta(days=0 if closes > opens else 1)
            instant, last = clock.instant(datetime.combine(day, opens)), clock.instant(datetime.combine(until, closes))
            while instant < last:
                if start <= instant < end and not any(d.starts_at <= instant < d.ends_at for d in downtimes):
                    found.add(instant)
                instant += MINUTE
    return found


@st.composite
def shift_times(draw: st.DrawFn) -> tuple[tuple[str, ...], str, str]:
    days = draw(st.sets(st.sampled_from(EVERY_DAY), min_size=1))
    # Near the jumps, which are at midnight to three, and anywhere.
    hour = st.one_of(st.integers(0, 3), st.integers(0, 23))
    start, end = (f"{draw(hour):02d}:{draw(st.sampled_from([0, 15, 30, 59])):02d}" for _ in range(2))
    return tuple(sorted(days)), start, end


@given(
    moment=st.sampled_from(list(MOMENTS)),
    shifts=st.lists(shift_times(), min_size=1, max_size=4),
    holiday=st.one_of(st.none(), st.integers(-2, 2)),
    down=st.lists(st.tuples(st.integers(-3000, 3000), st.integers(1, 600)), max_size=3),
    cut=st.tuples(st.integers(0, 1439), st.integers(0, 1439)),
)
@settings(max_examples=60, deadline=None)
@example("spring, Berlin", [(EVERY_DAY, "22:00", "02:30"), (EVERY_DAY, "02:30", "06:00")], None, [], (0, 0))
@example("autumn, Berlin", [(EVERY_DAY, "22:00", "02:30"), (EVERY_DAY, "02:30", "06:00")], None, [], (0, 0))
@example("midnight is skipped, Beirut", [(EVERY_DAY, "00:00", "00:00")], None, [], (0, 0))
@example("a day is skipped, Apia", [(EVERY_DAY, "08:00", "16:00")], 0, [], (0, 0))
def test_windows_are_what_a_clock_on_the_wall_says(
    moment: str,
    shifts: list[tuple[tuple[str, ...], str, str]],
    holiday: int | None,
    down: list[tuple[int, int]],
    cut: tuple[int, int],
) -> None:
    zone, day = MOMENTS[moment]
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    of = calendar(zone, shifts, [] if holiday is None else [day + timedelta(days=holiday)])
    downtimes = [downtime(noon + a * MINUTE, noon + (a + length) * MINUTE) for a, length in down]
    start, end = noon - timedelta(days=1) - cut[0] * MINUTE, noon + timedelta(days=1) + cut[1] * MINUTE
    found = windows(of, downtimes, start, end)
    assert all(a.end < b.start for a, b in pairwise(found)), "merged and sorted"
    minutes = {a + n * MINUTE for a, b in spans(found) for n in range(int((b - a) / MINUTE))}
    days = [day + timedelta(days=n) for n in range(-4, 5)]
    assert minutes == working_minutes(of, downtimes, start, end, days)


# --- single days, by hand -------------------------------------------------------------------------------------------


def test_a_night_shift_over_the_gap_loses_the_hour_and_over_the_fold_works_it_twice() -> None:
    night = calendar("Europe/Berlin", [(EVERY_DAY, "22:00", "06:00")])
    for sunday, worked in ((date(2026, 3, 29), 7), (date(2026, 10, 25), 9), (date(2026, 11, 1), 8)):
        noon = datetime.combine(sunday, time(12), tzinfo=UTC)
        assert hours(windows(night, [], noon - timedelta(days=1), noon)) == worked


def test_shifts_that_touch_at_a_skipped_or_repeated_time_keep_touching() -> None:
    two = calendar("Europe/Berlin", [(EVERY_DAY, "22:00", "02:30"), (EVERY_DAY, "02:30", "06:00")])
    for sunday in (date(2026, 3, 29), date(2026, 10, 25)):
        noon = datetime.combine(sunday, time(12), tzinfo=UTC)
        assert len(windows(two, [], noon - timedelta(days=1), noon)) == 1


def test_a_holiday_takes_the_shift_that_starts_on_it_and_leaves_the_night_before() -> None:
    night = calendar("UTC", [(EVERY_DAY, "22:00", "06:00")], [date(2026, 5, 1)])
    found = spans(windows(night, [], utc(2026, 4, 30), utc(2026, 5, 3)))
    assert found == [
        (utc(2026, 4, 30), utc(2026, 4, 30, 6)),
        (utc(2026, 4, 30, 22), utc(2026, 5, 1, 6)),
        (utc(2026, 5, 2, 22), utc(2026, 5, 3)),
    ]


@pytest.mark.parametrize(("down", "left"), [
    ((9, 10), [(8, 9), (10, 16)]),
    ((7, 9), [(9, 16)]),
    ((15, 17), [(8, 15)]),
    ((8, 16), []),
    ((7, 8), [(8, 16)]),  # touches
])  # fmt: skip
def test_a_downtime_cuts_what_it_covers(down: tuple[int, int], left: list[tuple[int, int]]) -> None:
    day = calendar("UTC", [(EVERY_DAY, "08:00", "16:00")])
    closed = downtime(utc(2026, 5, 1, down[0]), utc(2026, 5, 1, down[1]))
    found = spans(windows(day, [closed], utc(2026, 5, 1), utc(2026, 5, 2)))
    assert found == [(utc(2026, 5, 1, a), utc(2026, 5, 1, b)) for a, b in left]


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        windows(calendar("UTC", [(EVERY_DAY, "08:00", "16:00")]), [], datetime(2026, 5, 1), utc(2026, 5, 2))  # noqa: DTZ001


def test_chinas_holidays_close_the_demo_plants() -> None:
    from pathlib import Path

    from catalog.load import read_file

    factory = read_file((Path(__file__).parents[2] / "catalog" / "families" / "factory.yaml").read_text()).factory
    assert factory is not None
    content = factory.calendars[0].canonical()
    holidays = [holiday.canonical() for holiday in factory.holidays["cn"]]
    wuxi = Calendar(company_id=1, code="c", zone=content["zone"], weekly=content["weekly"], holidays=holidays)
    worked = {start.astimezone(ZoneInfo("Asia/Shanghai")).date()
              for start, _ in spans(windows(wuxi, [], utc(2026, 9, 30), utc(2026, 10, 9)))}  # fmt: skip
    assert sorted(day.day for day in worked) == [8, 9, 30]
    assert hours(windows(wuxi, [], utc(2026, 9, 29, 16), utc(2026, 9, 30, 16))) == 15  # two shifts of 7.5 hours


# --- what the solver is given ---------------------------------------------------------------------------------------


def test_the_solver_gets_lines_setups_and_materials_of_a_plant(database: Database, company_id: int) -> None:
    start, end = utc(2026, 3, 9), utc(2026, 3, 16)
    with database.writing() as session:
        load_catalog(session, company_id, section("factory"), loaded_at=utc(2026, 3, 9, 12))
        lines = {line.code: line.id for line in session.exec(select(Line)).all()}
        for code, a, b in (("saw", start, end), ("bench", utc(2026, 3, 10, 7), utc(2026, 3, 10, 9))):
            session.add(Downtime(company_id=company_id, line_id=lines[code] or 0, starts_at=a, ends_at=b))
    with database.reading() as session:
        offered = scheduling_lines(session, plants_of(session, company_id)[0], start, end)
    by_id = {str(line.id): line for line in offered.lines}
    assert list(by_id) == ["ulm/saw", "ulm/booth", "ulm/bench"]
    assert hours(by_id["ulm/booth"].windows) == 40
    assert hours(by_id["ulm/bench"].windows) == 38
    assert spans(by_id["ulm/saw"].windows) == [(end, end + timedelta(seconds=1))]  # closed all week, but known
    assert by_id["ulm/booth"].setups == "paint" and by_id["ulm/saw"].setups is None
    assert offered.setups[0].between("red", "blue") == 360  # type: ignore[arg-type]
    tube = next(material for material in offered.materials if material.id == "ulm/tube")
    assert (tube.stock, [quantity for _, quantity in tube.arrivals]) == (100, [50])  # the next ones are after the week
    SchedulingProblem(offered.lines, (), offered.setups, offered.materials)


def test_a_setup_between_equal_families_takes_nothing_between_equal_classes_what_the_matrix_says() -> None:
    matrix = SetupMatrix(
        company_id=1, code="m", families={"sky": "light", "sand": "light", "navy": "dark"},
        minutes={"light": {"light": 5, "dark": 10}, "dark": {"light": 25, "dark": 0}},
    )  # fmt: skip
    setups = setup_seconds(matrix)
    expected = {
        ("sky", "sky"): 0,
        ("sky", "sand"): 300,
        ("sky", "navy"): 600,
        ("navy", "sand"): 1500,
        ("navy", "navy"): 0,
    }
    assert {pair: setups.between(*pair) for pair in expected} == expected  # type: ignore[arg-type]


@only_sqlite
def test_the_lamps_plant_works_by_its_own_clock(database: Database, company_id: int) -> None:
    with database.writing() as session:
        load_catalog(session, company_id, LAMP, loaded_at=utc(2026, 3, 9, 12))
    with database.reading() as session:
        plant = plants_of(session, company_id)[0]
        week = scheduling_lines(session, plant, utc(2026, 3, 27), utc(2026, 4, 1)).lines[0].windows
    opened = [start.hour for start, _ in spans(week)]
    assert opened == [7, 6, 6]  # Friday in winter time, Monday and Tuesday in summer time

"""Document numbers: no gap and no double, whatever is rolled back and however many draw at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from configurator import db
from configurator.numbers import draw_number


def test_each_kind_and_year_counts_by_itself(database: db.Database, company_id: int) -> None:
    with database.writing() as session:
        drawn = [draw_number(session, company_id, kind, year)
                 for kind, year in [("SO", 2026), ("SO", 2026), ("Q", 2026), ("SO", 2027)]]
    assert drawn == ["SO-2026-0001", "SO-2026-0002", "Q-2026-0001", "SO-2027-0001"]


def test_a_transaction_that_fails_gives_its_number_back(database: db.Database, company_id: int) -> None:
    with pytest.raises(RuntimeError), database.writing() as session:
        assert draw_number(session, company_id, "SO", 2026) == "SO-2026-0001"
        raise RuntimeError
    with database.writing() as session:
        assert draw_number(session, company_id, "SO", 2026) == "SO-2026-0001"


def test_many_at_once_leave_no_gap(database: db.Database, company_id: int) -> None:
    """Every third one fails after it has drawn. The first ones race for the series' row, too."""

    def draw(turn: int) -> str | None:
        try:
            with database.writing() as session:
                number = draw_number(session, company_id, "SO", 2026)
                if turn % 3 == 2:
                    raise RuntimeError
                return number
        except RuntimeError:
            return None

    with ThreadPoolExecutor(8) as pool:
        drawn = sorted(filter(None, pool.map(draw, range(60))))
    assert drawn == [f"SO-2026-{number:04d}" for number in range(1, 41)]

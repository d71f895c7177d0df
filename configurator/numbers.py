"""Document numbers such as Q-2026-0142: one series a company, kind and year, drawn in the transaction that issues."""

from sqlalchemy import CheckConstraint, update
from sqlmodel import Field, Session, col

from catalog.rows import CompanyRow, company_keys, unique_in_company


class NumberSeries(CompanyRow, table=True):
    """The last number drawn of one kind in one year."""

    __tablename__ = "number_series"
    __table_args__ = company_keys(
        unique_in_company("kind", "year"), CheckConstraint("last >= 0", name="last_not_negative")
    )

    kind: str = Field(max_length=4)
    year: int
    last: int = 0


def draw_number(session: Session, company_id: int, kind: str, year: int) -> str:
    """The next number; a rolled back transaction gives it back, so a series has no gaps."""
    mine = (
        col(NumberSeries.company_id) == company_id, col(NumberSeries.kind) == kind, col(NumberSeries.year) == year
    )
    statement = update(NumberSeries).where(*mine).values(last=NumberSeries.last + 1).returning(col(NumberSeries.last))
    last = session.execute(statement).scalar_one_or_none()
    if last is None:
        _start_series(session, company_id, kind, year)
        last = session.execute(statement).scalar_one()
    return f"{kind}-{year}-{last:04d}"


def _start_series(session: Session, company_id: int, kind: str, year: int) -> None:
    """Insert the series' row; two first numbers of a year at once both find one row."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = dialect.insert(NumberSeries).values(company_id=company_id, kind=kind, year=year, last=0)
    session.execute(row.on_conflict_do_nothing(index_elements=["company_id", "kind", "year"]))

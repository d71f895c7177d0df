"""Lists for the desk: a page of rows at a time, and searching for a part of a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import func
from sqlmodel import Session, select

Row = TypeVar("Row")
Other = TypeVar("Other")
PAGE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of a list. `number` counts from 1; `total` counts all rows."""

    rows: tuple[Row, ...]
    number: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE))

    def map(self, change: Callable[[Row], Other]) -> Page[Other]:
        """The same page with its rows changed."""
        return Page(tuple(change(row) for row in self.rows), self.number, self.total)


def page_of(session: Session, statement: Any, order: Any, number: int) -> Page[Any]:
    """The page `number` of a statement's rows; a number beyond the ends means the nearest page."""
    total = session.exec(select(func.count()).select_from(statement.subquery())).one()
    page: Page[Any] = Page((), min(max(1, number), max(1, -(-total // PAGE))), total)
    rows = session.exec(statement.order_by(order).limit(PAGE).offset((page.number - 1) * PAGE)).all()
    return Page(tuple(rows), page.number, total)


def contains(search: str) -> str:
    r"""A LIKE pattern for a part of a text; the escape character is `\`."""
    text = search.strip()[:100]
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"

"""Who keeps and reads what is no document yet, drafts and files: an account, or a browser with our cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col

from configurator.sales.models import new_token


class Kept(Protocol):
    """A row of a table whose rows are an account's or a browser's."""

    user_id: int | None
    holder: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `holder`: the secret in the browser's cookie, "" without one; `staff`: reads everybody's files."""

    user_id: int | None = None
    holder: str = ""
    staff: bool = False

    def owns(self, table: type[Kept]) -> ColumnElement[bool]:
        """Of a query over a table: the rows of the account, of the browser, or of both."""
        its = and_(col(table.holder) == self.holder, col(table.holder) != "")
        return its if self.user_id is None else or_(col(table.user_id) == self.user_id, its)

    def may_read(self, row: Kept) -> bool:
        """Whether a row is the visitor's own, or the visitor works here."""
        mine = self.user_id is not None and row.user_id == self.user_id
        return self.staff or mine or (self.holder != "" and row.holder == self.holder)

    def holder_of_new(self) -> str:
        """What a new row is kept by, for the browser's cookie too: a new secret if it has none, "" for an account."""
        return "" if self.user_id is not None else self.holder or new_token()


STRANGER = Visitor()
HOUSE = Visitor(staff=True)  # once somebody else has seen to it that it may be read

"""What a planner types."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from configurator.planning.margins import MOST_MINUTES, Margins


def _minutes(label: Any, description: Any) -> IntegerField:
    allowed = NumberRange(0, MOST_MINUTES, _l("Whole minutes from %(min)s to %(max)s."))
    return IntegerField(label, [InputRequired(_l("Please fill this in.")), allowed], description=description)


class MarginsForm(FlaskForm):
    """How much time is kept around a promise."""

    buffer = _minutes(
        _l("Buffer (minutes)"), _l("Between the planned completion and the promise. A small one breaks more promises.")
    )
    grace = _minutes(
        _l("Grace (minutes)"),
        _l("After an order nothing of it is frozen or begun for so long: its buyer can still change or cancel it. "
           "0: it may begin at once."),
    )
    near = _minutes(
        _l("Near its promise (minutes)"),
        _l("An order with less than this left before its promise would be broken is marked on the board."),
    )

    def margins(self) -> Margins:
        """What was typed."""
        return Margins(self.buffer.data or 0, self.grace.data or 0, self.near.data or 0)


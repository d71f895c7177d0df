"""What a planner types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, DecimalField, FieldList, Form, FormField, IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from configurator.i18n import text_of
from configurator.planning.margins import MOST_MINUTES, Margins
from configurator.planning.simulations import MOST_POLICIES, WEEKS, Setting, Suggested, Tried

MINUTES = NumberRange(0, MOST_MINUTES, _l("Whole minutes from %(min)s to %(max)s."))
NEEDED = InputRequired(_l("Please fill this in."))


def _minutes(label: Any, description: Any) -> IntegerField:
    return IntegerField(label, [NEEDED, MINUTES], description=description)


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


class PolicyForm(Form):
    """A policy to play; without a buffer it is none."""

    buffer = IntegerField(_l("Buffer (minutes)"), [Optional(), MINUTES])
    moving = BooleanField(_l("Others give way to a new order"))
    improve = BooleanField(_l("A better schedule is searched for every 4 hours"))


class SimulationForm(FlaskForm):
    """What is played, and which policies."""

    plant = SelectField(_l("Plant"), coerce=int)
    weeks = SelectField(_l("How far ahead"), coerce=int)
    spread = IntegerField(
        _l("Durations vary by (percent)"),
        [NEEDED, NumberRange(0, 90, _l("Choose from %(min)s to %(max)s."))],
        description=_l("Each operation takes up to so much longer or shorter than planned."),
    )
    breakdowns = DecimalField(
        _l("Breakdowns of a line in a week"),
        [NEEDED, NumberRange(0, 20, _l("Choose from %(min)s to %(max)s."))], places=2,
        description=_l("On average, each of four hours; 0.5 is one in two weeks."),
    )
    policies = FieldList(FormField(PolicyForm), _l("Policies"), min_entries=MOST_POLICIES, max_entries=MOST_POLICIES)

    def offer(self, suggested: Suggested) -> SimulationForm:
        """The plants and weeks that can be chosen."""
        self.plant.choices = [(plant_id, text_of(name)) for plant_id, name in suggested.plants]
        self.weeks.choices = [(weeks, ngettext("%(num)s week", "%(num)s weeks", weeks)) for weeks in WEEKS]
        return self

    def validate_policies(self, field: Any) -> None:
        if not self.tried():
            raise ValidationError(_l("Give at least one policy a buffer."))

    def tried(self) -> tuple[Tried, ...]:
        """The policies that have a buffer, each once."""
        rows = [row.form.data for row in self.policies]
        return tuple(dict.fromkeys(Tried(**row) for row in rows if row["buffer"] is not None))

    def setting(self) -> Setting:
        """What is played."""
        return Setting(
            self.plant.data, self.weeks.data, self.spread.data or 0, round(100 * float(self.breakdowns.data or 0))
        )


def first_simulation(suggested: Suggested) -> SimulationForm:
    """The form with the present buffer, none, twice as much, and the present one with nothing moved by itself."""
    buffers = [(suggested.buffer, True), (0, True), (2 * max(30, suggested.buffer), True), (suggested.buffer, False)]
    policies = [{"buffer": buffer, "moving": active, "improve": active} for buffer, active in buffers]
    form = SimulationForm(data={"weeks": 2, "spread": 10, "breakdowns": Decimal("0.5"), "policies": policies})
    return form.offer(suggested)

"""What an administrator types about a way of delivery."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from catalog.factory import DAYS
from configurator.sales.delivery import StatedWay, Way, plain_code
from configurator.sales.forms import NEEDED, Boxes, one_line, trimmed
from configurator.sales.models import DeliveryKind, PriceBy

KIND_WORDS = {
    DeliveryKind.CARRIER: _l("A carrier brings it"),
    DeliveryKind.OWN: _l("Our own truck brings it"),
    DeliveryKind.PICKUP: _l("The buyer fetches it at the plant"),
}
PRICE_BY_WORDS = {
    PriceBy.VALUE: _l("by the value of the goods, with tax"),
    PriceBy.WEIGHT: _l("by the weight of the goods in kilograms"),
}
DAY_WORDS = dict(zip(
    DAYS,
    (_l("Monday"), _l("Tuesday"), _l("Wednesday"), _l("Thursday"), _l("Friday"), _l("Saturday"), _l("Sunday")),
    strict=True,
))
MOST_STEPS, MOST_PREFIXES = 20, 200
_STEP = re.compile(r"(\d{1,9}(?:\.\d{1,4})?)\s*[:;=\s]\s*(\d{1,9}(?:\.\d{1,4})?)")


def steps_in(text: str) -> list[list[str]]:
    """[from, price] of every line that says something; raises ValidationError with the line that is wrong."""
    found: list[list[str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        step = _STEP.fullmatch(line.strip())
        if step is None:
            raise ValidationError(_("Line %(number)s: write two numbers, for example 2000 60.", number=number))
        if found and Decimal(step[1]) <= Decimal(found[-1][0]):
            raise ValidationError(_("Line %(number)s: begin with more than in the line before.", number=number))
        found.append([step[1], step[2]])
    if not found or Decimal(found[0][0]) != 0:
        raise ValidationError(_("Begin with a line for 0, for example 0 60."))
    if len(found) > MOST_STEPS:
        raise ValidationError(_("At most %(number)s lines.", number=MOST_STEPS))
    return found


class DeliveryWayForm(FlaskForm):
    """A way of delivery in one region."""

    kind = RadioField(_l("Who brings it?"), choices=[(kind.value, word) for kind, word in KIND_WORDS.items()],
                      default=DeliveryKind.CARRIER.value)
    name_en = StringField(_l("Name in English"), [DataRequired(NEEDED), Length(max=80), one_line], filters=[trimmed])
    name_zh = StringField(_l("Name in Chinese"), [DataRequired(NEEDED), Length(max=80), one_line], filters=[trimmed])
    country = SelectField(_l("Country"))
    postal_prefixes = StringField(
        _l("Only where postal codes begin with"), [Optional(), Length(max=1200)], filters=[trimmed],
        description=_l("Separated by spaces, for example 20 21. Empty: the whole country."),
    )
    transit_days = IntegerField(
        _l("Lead time in working days"), [InputRequired(NEEDED), NumberRange(0, 90, _l("Choose from 0 to 90."))],
        description=_l("From the day on which it leaves the plant."),
    )
    cutoff = StringField(
        _l("Leaves the plant at"),
        [InputRequired(NEEDED), Regexp(r"^([01]\d|2[0-3]):[0-5]\d\Z", message=_l("Write it as 17:00."))],
        filters=[trimmed], description=_l("By the plant's clock. What is ready later leaves on the next working day."),
    )
    working_days = Boxes(
        _l("Working days"), choices=[(day.value, word) for day, word in DAY_WORDS.items()],
        default=[day.value for day in DAYS[:5]],
    )
    currency = StringField(
        _l("Currency"), [InputRequired(NEEDED), Regexp(r"^[A-Z]{3}\Z", message=_l("Three letters, such as CNY."))],
        filters=[trimmed], description=_l("It is offered for goods in this currency."),
    )
    price_by = RadioField(
        _l("The price goes"), choices=[(by.value, word) for by, word in PRICE_BY_WORDS.items()],
        default=PriceBy.VALUE.value,
        description=_l("By weight it is offered for products whose catalog file states their weight."),
    )
    steps = TextAreaField(
        _l("Prices"), [InputRequired(NEEDED), Length(max=1000)],
        description=_l("A line for each step: from how much on, and the price. 0 60 and 2000 0: 60 below 2000, and "
                       "free from there on. Before or after tax, as the goods' price list is."),
    )

    def validate_postal_prefixes(self, field: Any) -> None:
        wrong = [one for one in self.prefixes() if not re.fullmatch(r"[A-Z0-9]{1,10}", one)]
        if wrong:
            raise ValidationError(_("%(wrong)s is not how a postal code begins: letters and digits only.",
                                    wrong=wrong[0][:20]))
        if len(self.prefixes()) > MOST_PREFIXES:
            raise ValidationError(_("At most %(number)s beginnings.", number=MOST_PREFIXES))

    def validate_working_days(self, field: Any) -> None:
        if not field.data:
            raise ValidationError(_("Choose at least one day."))

    def validate_steps(self, field: Any) -> None:
        steps_in(field.data or "")

    def prefixes(self) -> list[str]:
        """How the region's postal codes begin."""
        return [plain_code(one) for one in re.split(r"[\s,;，；、]+", self.postal_prefixes.data or "") if one]

    def stated(self) -> StatedWay:
        """The way as typed."""
        return StatedWay(
            kind=DeliveryKind(self.kind.data), name={"zh": self.name_zh.data or "", "en": self.name_en.data or ""},
            country=self.country.data, postal_prefixes=self.prefixes(), transit_days=self.transit_days.data or 0,
            cutoff=self.cutoff.data or "",
            working_days=[day.value for day in DAYS if day in (self.working_days.data or ())],
            currency=self.currency.data or "", price_by=PriceBy(self.price_by.data),
            steps=steps_in(self.steps.data or ""),
        )


def form_values(way: Way) -> dict[str, Any]:
    """A way as the form shows it."""
    return {
        "kind": way.kind.value, "name_zh": way.name.zh, "name_en": way.name.en, "country": way.country,
        "postal_prefixes": " ".join(way.prefixes), "transit_days": way.transit_days, "cutoff": way.cutoff,
        "working_days": list(way.working_days), "currency": way.currency, "price_by": way.price_by.value,
        "steps": "\n".join(f"{_plain(least)} {_plain(price)}" for least, price in way.steps),
    }


def _plain(number: Any) -> str:
    text = f"{Decimal(number.numerator) / Decimal(number.denominator):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def step_words(way: Way, format_money: Any) -> Sequence[tuple[str, str]]:
    """(from, price) of each step in words."""
    return [
        (_("from %(value)s", value=format_money(least, way.currency)) if way.price_by is PriceBy.VALUE
         else _("from %(weight)s kg", weight=_plain(least)), format_money(price, way.currency))
        for least, price in way.steps
    ]

"""What an administrator types about the terms of payment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange, ValidationError

from configurator.sales.forms import NEEDED, Boxes
from configurator.sales.payment_terms import MOST_DAYS, MOST_VALUE, PaymentTerms, takers

PROVIDER_WORDS = {"transfer": _l("By bank transfer"), "test": _l("Online, with the test provider that takes no money")}
NOT_SET_UP = _l(
    "No way of paying is set up. Have the bank account stated in the settings of this house, or ask for no deposit."
)
VALUE = NumberRange(0, MOST_VALUE, _l("Choose from %(min)s to %(max)s."))


class PaymentTermsForm(FlaskForm):
    """When a deposit is asked for, how much it is and how it is paid."""

    percent = IntegerField(
        _l("Deposit in percent"), [InputRequired(NEEDED), NumberRange(1, 100, _l("Choose from %(min)s to %(max)s."))],
        description=_l("Of the order's value with tax."),
    )
    asked_from = IntegerField(
        _l("Asked for from an order value of"), [InputRequired(NEEDED), VALUE],
        description=_l("With tax, in whole units of the order's currency. 0: never."),
    )
    asked_of_guests_from = IntegerField(
        _l("Of guests from an order value of"), [InputRequired(NEEDED), VALUE],
        description=_l(
            "Buyers who did not log in confirm their email address by a link, or pay the deposit. 0: as everybody."
        ),
    )
    days = IntegerField(
        _l("Days to pay"), [InputRequired(NEEDED), NumberRange(1, MOST_DAYS, _l("Choose from %(min)s to %(max)s."))],
        description=_l(
            "For so long an order waits for a transfer with its capacity kept, and its production starts after them."
        ),
    )
    providers = Boxes(_l("How it can be paid"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.providers.choices = [(code, PROVIDER_WORDS[code]) for code in takers()]

    def validate_asked_of_guests_from(self, field: Any) -> None:
        if field.data and self.asked_from.data and field.data > self.asked_from.data:
            raise ValidationError(_("At most %(value)s: guests are asked no later than everybody.",
                                    value=self.asked_from.data))

    def validate_providers(self, field: Any) -> None:
        if field.data or not (self.asked_from.data or self.asked_of_guests_from.data):
            return
        if not field.choices:
            raise ValidationError(NOT_SET_UP)
        raise ValidationError(_("Choose at least one, or ask for no deposit."))

    def stated(self) -> PaymentTerms:
        """The terms as typed."""
        return PaymentTerms(
            self.percent.data or 0, self.asked_from.data or 0, self.asked_of_guests_from.data or 0,
            self.days.data or 0, tuple(self.providers.data or ()),
        )


def form_values(terms: PaymentTerms) -> dict[str, Any]:
    """Terms as the form shows them."""
    return asdict(terms) | {"providers": [code for code in terms.providers if code in takers()]}

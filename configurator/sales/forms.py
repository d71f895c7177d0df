"""What a salesperson and a customer type about a quote, and what the forms of sales share."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    EmailField,
    Form,
    FormField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.validators import DataRequired, Email, InputRequired, Length, NumberRange, ValidationError

from configurator.i18n import NAMES, language
from configurator.sales.address_rules import countries_in
from configurator.sales.buyers import Invoicing
from configurator.sales.quotes import MAXIMUM_COMMENT, VALIDITY_DAYS, Customer

NEEDED = _l("Please fill this in.")


class Boxes(SelectMultipleField):
    """Boxes to tick."""

    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()


def one_line(_form: Any, field: Any) -> None:
    """No control characters: names go to mails, documents and labels."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in field.data or ""):
        raise ValidationError(_l("Please write one line of plain text."))


def trimmed(value: str | None) -> str | None:
    """Without the space around it."""
    return value.strip() if value else value


# As a mail header can say it; a domain may be in any script, what stands before it may not.
is_mail_address = Email(_l("This is not an email address, such as name@example.com."), allow_smtputf8=False)


def tell_faults(form: Form, faults: Mapping[str, str]) -> bool:
    """Say what the service finds wrong beside its fields, where nothing is said yet; whether there was nothing.

    `faults`: a sentence by field; `invoice.city` is the field `city` of the field `invoice`.
    """
    for path, words in faults.items():
        field: Any = form
        for name in path.split("."):
            field = field[name]
        field.errors = field.errors or [words]
    return not faults


class InvoiceForm(FlaskForm):
    """What the invoice says that the delivery does not. What each field must say, `Invoicing.faults` knows."""

    class Meta:
        csrf = False  # it is a part of forms that have a token

    company = StringField(_l("Company"), [Length(max=200), one_line], filters=[trimmed])
    tax_number = StringField(
        _l("Tax number"), [Length(max=40), one_line], filters=[trimmed],
        description=_l("The company's VAT ID; in China its unified social credit code."),
    )
    purchase_order = StringField(
        _l("Purchase order number"), [Length(max=60), one_line], filters=[trimmed],
        description=_l("It stands on the invoice too."),
    )
    name = StringField(_l("Name or department"), [Length(max=200), one_line], filters=[trimmed])
    street = StringField(_l("Street and number"), [Length(max=300), one_line], filters=[trimmed])
    postal_code = StringField(_l("Postal code"), [Length(max=20), one_line], filters=[trimmed])
    city = StringField(_l("City"), [Length(max=120), one_line], filters=[trimmed])
    region = StringField(_l("Province or region"), [Length(max=80), one_line], filters=[trimmed])
    country = SelectField(_l("Country"), default="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_countries(())

    def offer_countries(self, usual: Sequence[str]) -> None:
        """Every country may be chosen; the `usual` ones come first."""
        names = dict(countries_in(language()))
        codes = dict.fromkeys([*(code for code in usual if code in names), *names])
        self.country.choices = [("", _l("as delivered")), *((code, names[code]) for code in codes)]

    def invoicing(self) -> Invoicing:
        """What was typed."""
        return Invoicing(**{name: self[name].data or "" for name in Invoicing.__dataclass_fields__})


class ReviseForm(FlaskForm):
    """How long a new revision is valid, and how it is delivered."""

    validity_days = IntegerField(
        _l("Valid for (days)"),
        [InputRequired(NEEDED), NumberRange(1, 365, _l("Choose from 1 to 365 days."))],
        default=VALIDITY_DAYS,
        description=_l("From the day on which you send it."),
    )
    way = SelectField(
        _l("Way of delivery"), default="",
        description=_l("Its price is part of the quote, and the customer orders with it only."),
    )


class QuoteForm(ReviseForm):
    """For whom a new quote is."""

    name = StringField(
        _l("Customer"), [DataRequired(NEEDED), Length(max=200), one_line], filters=[trimmed],
        description=_l("A person or a firm, as it stands on the quote."),
    )
    mail = EmailField(
        _l("Email address"),
        [DataRequired(NEEDED), Length(max=254), is_mail_address],
        filters=[trimmed],
        description=_l("The quote goes there when you send it."),
    )
    country = SelectField(_l("Delivery to"), description=_l("Decides tax and transit."))
    postal_code = StringField(
        _l("Postal code"), [Length(max=20), one_line], filters=[trimmed],
        description=_l("Where you know it: whether the way of delivery leads there."),
    )
    language = SelectField(
        _l("Language"), choices=list(NAMES.items()), description=_l("Of the mail and the PDF."),
    )
    invoice = FormField(InvoiceForm, _l("Invoice"))

    def validate(self, extra_validators: Any = None) -> bool:
        """What the fields know, and what the service would refuse."""
        return bool(super().validate(extra_validators)) & tell_faults(self, self.customer().faults)

    def customer(self) -> Customer:
        """The customer as typed."""
        return Customer(
            self.name.data or "", self.mail.data or "", self.country.data or "", self.language.data,
            self.postal_code.data or "", self.invoice.form.invoicing(),
        )


class DeclineForm(FlaskForm):
    """Why the customer says no."""

    comment = TextAreaField(
        _l("What should be different?"),
        [Length(max=MAXIMUM_COMMENT, message=_l("Please write at most %(max)d characters."))],
        description=_l("We read it and may send you a better quote."),
    )

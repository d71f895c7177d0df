"""What a buyer types to order."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    FormField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TelField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from configurator.admin.forms import new_password
from configurator.i18n import NAMES
from configurator.sales.address_rules import WITHOUT_POSTAL_CODE
from configurator.sales.assurances import ShownExchange
from configurator.sales.buyers import Buyer, Invoicing, address_faults, buyer_faults
from configurator.sales.carts import MOST_UNITS, ShownCart
from configurator.sales.forms import NEEDED, InvoiceForm, is_mail_address, one_line, tell_faults, trimmed
from configurator.sales.models import Deliveries
from configurator.sales.orders import Shown
from configurator.sales.payment_terms import Asked, Assurance, assurance_of
from configurator.sales.payments import TestDeed
from configurator.storefront.drafts import NAME_LENGTH


class PostalCode:
    """Needed wherever the country has such codes."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        if not field.data and form.country.data not in WITHOUT_POSTAL_CODE:
            raise ValidationError(NEEDED)


def is_phone(_form: Any, field: Any) -> None:
    """What a telephone can dial, or nothing."""
    if field.data and not re.fullmatch(r"[0-9+()/. \-]{4,40}", field.data):
        raise ValidationError(_l("Digits, spaces and + ( ) / - . only, for example +86 10 1234 5678."))


class ShownForm(FlaskForm):
    """What the page showed when the button was pressed, and the key of this press."""

    key = HiddenField(validators=[InputRequired(), Length(min=16, max=64)])
    shown_gross = HiddenField(validators=[InputRequired()])
    shown_currency = HiddenField(validators=[InputRequired(), Length(min=3, max=3)])
    shown_date = HiddenField(validators=[InputRequired()])

    def validate_shown_gross(self, field: Any) -> None:
        if not re.fullmatch(r"\d{1,15}", field.data or ""):
            raise ValidationError(_l("Please open the page again."))

    def validate_shown_date(self, field: Any) -> None:
        try:
            self.shown_days()
        except ValueError as error:
            raise ValidationError(_l("Please open the page again.")) from error

    def shown_days(self) -> tuple[date, ...]:
        """The days that the page showed; raises ValueError."""
        return tuple(date.fromisoformat(day) for day in (self.shown_date.data or "").split(","))

    def shown(self) -> Shown:
        """What the page showed."""
        return Shown(int(self.shown_gross.data or 0), self.shown_currency.data or "", max(self.shown_days()))


class ChangeForm(ShownForm):
    """A change of an order. `base`: the token of the configuration that it builds on."""

    base = HiddenField(validators=[InputRequired(), Length(max=40)])


class WayForm(FlaskForm):
    """Another way of delivery. `shown`: way=total;currency;day, as the page showed each, one a line."""

    way = RadioField(_l("Way of delivery"), [InputRequired(NEEDED)])
    shown = HiddenField(validators=[InputRequired(), Length(max=4000)])

    def validate_shown(self, field: Any) -> None:
        try:
            self.shown_of(self.way.data or "")
        except (KeyError, ValueError) as error:
            raise ValidationError(_l("Please open the page again.")) from error

    def shown_of(self, code: str) -> Shown:
        """What the page showed of a way; raises KeyError, ValueError."""
        rows = dict(line.split("=", 1) for line in (self.shown.data or "").split() if "=" in line)
        gross, currency, day = rows[code].split(";")
        return Shown(int(gross), currency, date.fromisoformat(day))


class ExchangeForm(FlaskForm):
    """What the order is to wait for instead, as the page showed it."""

    assurance = RadioField(validators=[InputRequired()], choices=[(one.value, "") for one in Assurance])
    shown_deposit = HiddenField(validators=[InputRequired(), Regexp(r"^[0-9]{1,15}\Z")])
    shown_date = DateField(validators=[InputRequired()])

    def shown(self) -> ShownExchange:
        """What the page showed; only once it is validated."""
        assert self.shown_date.data is not None
        return ShownExchange(Assurance(self.assurance.data), int(self.shown_deposit.data or 0), self.shown_date.data)


class CheckoutForm(ShownForm):
    """Who orders, where it goes, and what the page showed when the button was pressed."""

    name = StringField(_l("Name"), [DataRequired(NEEDED), Length(max=200), one_line], filters=[trimmed])
    mail = EmailField(
        _l("Email address"),
        [DataRequired(NEEDED), Length(max=254), is_mail_address],
        filters=[trimmed],
        description=_l("For the confirmation and the link to follow your order."),
    )
    phone = TelField(
        _l("Phone"), [Length(max=40), is_phone], filters=[trimmed], description=_l("Only for the carrier.")
    )
    street = StringField(_l("Street and number"), [DataRequired(NEEDED), Length(max=300), one_line], filters=[trimmed])
    postal_code = StringField(_l("Postal code"), [PostalCode(), Length(max=20), one_line], filters=[trimmed])
    city = StringField(_l("City"), [DataRequired(NEEDED), Length(max=120), one_line], filters=[trimmed])
    region = StringField(_l("Province or region"), [Length(max=80), one_line], filters=[trimmed])
    country = SelectField(_l("Country"))
    invoice = FormField(InvoiceForm, _l("Invoice"))
    way = RadioField(_l("Way of delivery"), [Optional()], validate_choice=False)
    shown_deposit = HiddenField(
        validators=[Optional(), Regexp(r"^[0-9]{1,15}\Z", message=_l("Please open the page again."))]
    )
    assurance = RadioField(
        _l("Before we make it"), [Optional()], choices=[(one.value, "") for one in Assurance], validate_choice=False
    )
    accept_terms = BooleanField(
        _l("I accept the terms of sale."), [InputRequired(_l("Please read the terms and accept them to order."))]
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """What the fields know, and what the service would refuse."""
        return bool(super().validate(extra_validators)) & tell_faults(self, buyer_faults(self.buyer("")))

    def validate_way(self, field: Any) -> None:
        if field.data and field.data not in [code for code, _name in field.choices or ()]:
            raise ValidationError(_l("This does not lead to the address. Please choose another way of delivery."))

    def begin_with(self, person: Buyer) -> None:
        """What the buyer's account says of them; the street only where it is in the country that is chosen.

        An invoice that goes where the person lives says so, where the delivery goes to another country.
        """
        self.name.data, self.mail.data, self.phone.data = person.name, person.mail, person.phone
        if person.country == self.country.data:
            self.street.data, self.postal_code.data, self.city.data = person.street, person.postal_code, person.city
            self.region.data = person.region
            self.begin_invoice(person.invoice)
        elif person.invoice:
            self.begin_invoice(person.billed if person.street else person.invoice)

    def begin_invoice(self, invoice: Invoicing) -> None:
        """What is known of the invoice."""
        for field in self.invoice.form:
            field.data = getattr(invoice, field.short_name)

    def buyer(self, locale: str) -> Buyer:
        """The buyer as typed."""
        return Buyer(
            name=self.name.data or "", mail=self.mail.data or "", phone=self.phone.data or "",
            street=self.street.data or "", postal_code=self.postal_code.data or "", city=self.city.data or "",
            country=self.country.data or "", locale=locale, region=self.region.data or "",
            invoice=self.invoice.form.invoicing(),
        )

    def shown(self) -> Shown:
        """What the page showed, with what the order waits for."""
        return replace(super().shown(), deposit_minor=self._deposit(), assurance=assurance_of(self.assurance.data))

    def shown_cart(self) -> ShownCart:
        """What the page of a cart showed: a day for each unit."""
        return ShownCart(
            int(self.shown_gross.data or 0), self.shown_currency.data or "", self.shown_days(), self._deposit(),
            assurance_of(self.assurance.data),
        )

    def show_asked(self, asked: Asked | None) -> None:
        """What the page shows is what the next press of the button says."""
        self.assurance.data = asked.assurance.value if asked is not None else None
        self.shown_deposit.data = str(asked.amount_minor if asked is not None else 0)

    def _deposit(self) -> int | None:
        return int(self.shown_deposit.data) if self.shown_deposit.data else None


class MailForm(FlaskForm):
    """Where a link is to go."""

    mail = EmailField(
        _l("Email address"), [DataRequired(NEEDED), Length(max=254), is_mail_address], filters=[trimmed]
    )


class NewAccountForm(FlaskForm):
    """Whose account it is to be."""

    name = StringField(_l("Name"), [DataRequired(NEEDED), Length(max=200), one_line], filters=[trimmed])
    password = new_password(_l("Password"))


class NewPasswordForm(FlaskForm):
    """The password to log in with from now on."""

    password = new_password(_l("New password"))


class DetailsForm(FlaskForm):
    """What an account says of its owner; each order begins with it."""

    name = StringField(_l("Name"), [DataRequired(NEEDED), Length(max=200), one_line], filters=[trimmed])
    phone = TelField(_l("Phone"), [Length(max=40), is_phone], filters=[trimmed])
    street = StringField(_l("Street and number"), [Length(max=300), one_line], filters=[trimmed])
    postal_code = StringField(_l("Postal code"), [Length(max=20), one_line], filters=[trimmed])
    city = StringField(_l("City"), [Length(max=120), one_line], filters=[trimmed])
    region = StringField(_l("Province or region"), [Length(max=80), one_line], filters=[trimmed])
    country = SelectField(_l("Country"))
    invoice = FormField(InvoiceForm, _l("Invoice"))
    locale = SelectField(_l("Language of our mails"), choices=list(NAMES.items()))

    def validate(self, extra_validators: Any = None) -> bool:
        """What the fields know, and what an order would be refused for."""
        faults = address_faults(
            self.country.data or "", self.postal_code.data or "", self.invoice.form.invoicing()
        )
        return bool(super().validate(extra_validators)) & tell_faults(self, faults)


class PresentPasswordForm(FlaskForm):
    """The owner of an account shows that it is them."""

    present = PasswordField(_l("Present password"), [InputRequired(NEEDED), Length(max=200)])


class ChangePasswordForm(PresentPasswordForm):
    """Another password."""

    password = new_password(_l("New password"))


class CloseForm(PresentPasswordForm):
    """Close the account."""

    sure = BooleanField(_l("Close my account for good."), [InputRequired(_l("Please tick this to close it."))])


class DraftForm(FlaskForm):
    """The name of a draft."""

    name = StringField(_l("Name"), [DataRequired(NEEDED), Length(max=NAME_LENGTH), one_line], filters=[trimmed],
                       description=_l("For example: for the hallway, in oak."))


class QuantityForm(FlaskForm):
    """How many of an item; 0 takes it out of the cart."""

    quantity = IntegerField(
        _l("Quantity"),
        [InputRequired(NEEDED), NumberRange(0, MOST_UNITS, _l("Choose from %(min)s to %(max)s."))],
    )
    without_hold = BooleanField(_l("Also where not all of them can be held"))


class CountryForm(FlaskForm):
    """Where the cart goes."""

    country = SelectField(_l("Deliver to"))


class DeliveriesForm(FlaskForm):
    """One delivery or several."""

    deliveries = RadioField(
        _l("Deliveries"), choices=[(Deliveries.TOGETHER.value, ""), (Deliveries.APART.value, "")]
    )


class TestPaymentForm(FlaskForm):
    """What the test provider of a demo is to do."""

    __test__ = False  # for pytest
    deed = RadioField(choices=[(deed.value, "") for deed in TestDeed])


class PressForm(FlaskForm):
    """A button with nothing to fill in."""

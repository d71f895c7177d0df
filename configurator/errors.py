"""Errors named for the rule broken. The application maps them to HTTP and to words once, here."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l


class DomainError(Exception):
    """A command that cannot be done. `code` is stable for programs, `words` are for people.

    Parameters
    ----------
    field: the input that is wrong, as the form or the API names it
    data: values that the words name
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    words: ClassVar[Any] = _l("That cannot be done.")

    def __init__(self, *, field: str | None = None, **data: Any) -> None:
        super().__init__(self.code, field, data)
        self.field = field
        self.data = data

    def message(self) -> str:
        """The sentence for a person, in the language of the request."""
        return str(self.words) % self.data


class NotFound(DomainError):
    code, status, words = "not_found", 404, _l("There is no such page, or it is not yours to see.")


class Forbidden(DomainError):
    code, status, words = "forbidden", 403, _l("Your role does not allow this.")


class InvalidInput(DomainError):
    code, status, words = "invalid_input", 422, _l("%(what)s")


class DateLost(DomainError):
    """The date that was shown can no longer be held; the new one is in `promise`."""

    code, status = "date_lost", 409
    words = _l("The date that you saw has been taken meanwhile. Please look at the new date.")


class PriceChanged(DomainError):
    """The price that was shown is not today's price."""

    code, status = "price_changed", 409
    words = _l("The price has changed since you saw it. Please look at the new price.")


class NotValid(DomainError):
    """The configuration is not a complete, valid variant under its revision."""

    code, status, words = "configuration_invalid", 422, _l("This configuration is not complete or cannot be built.")


class NoDate(DomainError):
    """The factory has no free capacity inside the calendar's horizon."""

    code, status, words = "no_date", 409, _l("The factory has no free capacity for this in the coming months.")


class KeyReused(DomainError):
    """The same idempotency key came with another request."""

    code, status = "idempotency_key_reused", 422
    words = _l("This order form was already used for another order. Please open it again.")


class QuoteNotOpen(DomainError):
    """The quote is expired, superseded, accepted or declined."""

    code, status, words = "quote_not_open", 409, _l("This quote can no longer be accepted.")


class StateRefused(DomainError):
    """The document's state does not allow this event."""

    code, status, words = "state_refused", 409, _l("In its present state this cannot be done.")


class Outdated(DomainError):
    """Somebody changed it since it was read."""

    code, status, words = "outdated", 409, _l("This has changed since you opened it. Please look at it again.")

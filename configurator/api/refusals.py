"""What is wrong with what a program sent, in sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from configurator.api.inputs import MAIL, NAME
from configurator.i18n import text_of
from configurator.sales.buyers import Buyer, Invoicing, buyer_faults

_COUNTRY = _l("Two capital letters, as ISO 3166-1 has them: DE, for instance.")
_PATTERNS = {  # what an input model refuses by a pattern
    MAIL: _l("An email address, such as lina@example.com."),
    NAME: _l("A name as the product says it: small letters, digits and underscores."),
    r"^[A-Z]{2}$": _COUNTRY,
    r"^([A-Z]{2})?$": _COUNTRY,
    r"^[A-Z]{3}$": _l("Three capital letters, as ISO 4217 has them: CNY, for instance."),
}
_KINDS = {"tuple": _l("Send an array."), "dictionary": _l("Send an object.")}


def sentence(message: str) -> str:
    """What an input model says, in words that somebody can use who knows JSON and not how this is programmed."""
    if pattern := re.fullmatch(r"String should match pattern '(.*)'", message):
        return str(_PATTERNS.get(pattern[1], message))
    kind = re.match(r"Input should be a valid (\w+)", message)
    return str(_KINDS.get(kind[1], message)) if kind else message


def faults_of_buyer(body: Any, named: Sequence[str]) -> list[dict[str, str]]:
    """What else is wrong with the buyer of a body in which these fields (or what is in them) were refused already."""
    sent = body.get("buyer") if isinstance(body, Mapping) else None
    if not isinstance(sent, Mapping):
        return []
    invoice = Invoicing(**_texts(Invoicing, sent.get("invoice")))
    texts = dict.fromkeys((one.name for one in fields(Buyer)), "") | _texts(Buyer, sent) | {"invoice": invoice}
    found = {f"buyer.{name}": words for name, words in buyer_faults(Buyer(**texts)).items()}
    return [
        {"field": name, "message": words} for name, words in found.items()
        if not any(f"{name}.".startswith(f"{one}.") for one in named)
    ]


def _texts(kind: type[Buyer | Invoicing], sent: Any) -> dict[str, Any]:
    known = {one.name for one in fields(kind)} - {"invoice"}
    return {
        name: value for name, value in sent.items() if name in known and isinstance(value, str)
    } if isinstance(sent, Mapping) else {}


def broken_words(broken: tuple[tuple[str, Mapping[str, str], bool], ...]) -> list[dict[str, str]]:
    """Each rule that a variant breaks, and each question that it does not answer as it can be answered."""
    return [
        {"field": name, "message": text_of(text) if is_rule else _(
            "This is not answered, or cannot be answered like this: %(question)s.", question=text_of(text)
        )}
        for name, text, is_rule in broken
    ]

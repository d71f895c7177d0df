"""What every catalog content has in common: frozen models that refuse unknown fields, texts, codes and formulas.

A content is what a file says and what a published revision keeps. It is stored as JSON with its SHA-256.
"""

import hashlib
import json
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from catalog.problems import N_, Sentence
from solver.configuration.rules import Expression, RuleSyntaxError, parse

# Words of the rule language; an option called `not` could never be named in a rule.
RESERVED = frozenset({"and", "or", "not", "in", "when", "then", "else", "min", "max", "ceil", "floor", "length"})


class Content(BaseModel):
    """Base of all catalog contents."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """The content from plain JSON data; raises pydantic.ValidationError."""
        return cls.model_validate_json(json.dumps(data))

    def canonical(self) -> dict[str, Any]:
        """The content as plain JSON data."""
        return self.model_dump(mode="json")

    def sha256(self) -> str:
        """Hash of the content: keys sorted, UTF-8, no white space."""
        text = json.dumps(self.canonical(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def refusal(message: str, expected: str, **values: object) -> PydanticCustomError:
    """The error of a validator: what is wrong, and what was expected instead; both templates of `values`."""
    what, wanted = Sentence(message, values), Sentence(expected, values)
    return PydanticCustomError("refused", "{text}", {"text": str(what), "what": what, "expected": wanted})


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise refusal(N_("%(name)s is a word of the rule language"), N_("another name"), name=name)
    return name


def _printable(text: str) -> str:
    """No control characters: texts go to pages, mails, PDF and logs."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise refusal(N_("control characters are not allowed"), N_("one line of printable text"))
    return text


def _number_as_text(value: Any) -> Any:
    """A file may write the formula `19` as a number."""
    return str(value) if type(value) is int else value


def _parses(text: str) -> str:
    try:
        parsed(text)
    except RuleSyntaxError as error:
        raise refusal(
            N_("column %(column)s: found %(found)s"),
            "%(wanted)s",
            column=error.column,
            found=error.found,
            wanted=error.expected,
        ) from error
    return text


@lru_cache(maxsize=8192)
def parsed(formula: str) -> Expression:
    """The syntax tree of a formula, kept in the process; raises RuleSyntaxError."""
    return parse(formula)


Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"), AfterValidator(_not_reserved)]
PlaceCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]  # plants and lines: never named in a rule
Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Formula = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_parses)]  # source text of the rule language


class Text(Content):
    """Words for people, in Chinese and in English."""

    zh: Words
    en: Words


def as_fraction(text: str) -> Fraction:
    """An exact number from its decimal text, as in `13` or `8.1`."""
    return Fraction(text)

"""What every catalog content has in common: frozen models that refuse unknown fields, texts, codes and formulas.

A content is what a file says and what a published revision keeps. It is stored as JSON with its SHA-256.
"""

import hashlib
import json
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from catalog.problems import N_, Sentence
from solver.configuration.rules import RESERVED, Expression, RuleSyntaxError, parse


class Content(BaseModel):
    """Base of all catalog contents."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """The content from plain JSON data; raises pydantic.ValidationError."""
        return cls.model_validate_json(json.dumps(data))

    def canonical(self) -> dict[str, Any]:
        """The content as plain JSON data. Fields made `Later` are in it only where they say something."""
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
    """An option called `not` could never be named in a rule."""
    if name in RESERVED:
        raise refusal(N_("%(name)s is a word of the rule language"), N_("another name"), name=name)
    return name


def _nothing(value: Any) -> bool:
    """Whether a field says no more than a file that does not have it."""
    return value is None or (not isinstance(value, bool) and value in (0, "", (), {}))


# Fields that came after the first files were published: unset they are no part of the canonical form, so that what is
# published keeps its hash.
Later = Field(exclude_if=_nothing)


def _printable(text: str) -> str:
    """No control characters: texts go to pages, mails, PDF and logs."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise refusal(N_("control characters are not allowed"), N_("one line of printable text"))
    return text


def number_as_text(value: Any) -> Any:
    """A file may write the formula `19` as a number."""
    return str(value) if type(value) is int else value


def parses(text: str) -> str:
    """The formula itself; refused with the column if it is none."""
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


MAXIMUM_CODE = 40  # characters
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"), AfterValidator(_not_reserved)]
PlaceCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]  # plants and lines: never named in a rule
Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Formula = Annotated[str, BeforeValidator(number_as_text), AfterValidator(parses)]  # source text of the rule language


class Text(Content):
    """Words for people, in Chinese and in English."""

    zh: Words
    en: Words


class UnitWords(Text):
    """A unit in words. `one`: in English beside the number 1, where that is another word."""

    one: Annotated[str, Later, AfterValidator(_printable)] = ""


def _kind_of_unit(value: Any) -> str:
    return "[text]" if isinstance(value, dict | Text) else "[words]"


# A unit is the same in both languages (mm), or words in each (drawers).
Unit = Annotated[
    Annotated[str, Field(max_length=20), Tag("[words]")] | Annotated[UnitWords, Tag("[text]")],
    Discriminator(_kind_of_unit),
]


def unit_in(unit: str | UnitWords, language: str, number: int | None = None) -> str:
    """A unit in `zh` or `en`, beside this number if one is given."""
    if isinstance(unit, str):
        return unit
    return unit.one if number == 1 and language == "en" and unit.one else str(getattr(unit, language))


def amount_in(number: int, unit: str | UnitWords, language: str) -> str:
    """A number with its unit, as `2,400 mm`: both languages group thousands by commas."""
    return f"{number:,} {unit_in(unit, language, number)}"


def as_fraction(text: str) -> Fraction:
    """An exact number from its decimal text, as in `13` or `8.1`."""
    return Fraction(text)

"""Plain data -> the content of one section, or everything that is wrong with its shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError

from catalog.content import Content
from catalog.drawing import why_not_drawn
from catalog.problems import N_, Path, Sentence

MOST = 2_000  # findings of a section; who has more has one mistake many times

Section = TypeVar("Section", bound=Content)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a path inside a section; both templates are filled with `values`."""

    path: Path
    message: str
    wanted: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def what(self) -> Sentence:
        """What is wrong."""
        return Sentence(self.message, self.values)

    @property
    def expected(self) -> Sentence:
        """What was expected instead."""
        return Sentence(self.wanted, self.values)


def shaped(kind: type[Section], data: Any) -> Section | tuple[Finding, ...]:
    """The content, or what keeps the data from being one (at most MOST)."""
    try:
        return kind.from_data(data)
    except ValidationError as error:
        return tuple(_finding(kind, one) for one in error.errors(include_url=False)[:MOST])


# Patterns that a person should not have to read.
_PATTERNS = {
    r"^[a-z][a-z0-9_]{0,39}$": N_("a code: a small letter, then small letters, digits and _, at most 40"),
    r"^[a-z][a-z0-9_-]{0,39}$": N_("a code: a small letter, then small letters, digits, - and _, at most 40"),
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": N_("a group, a dot and an option, e.g. colour.red"),
    r"^([a-z][a-z0-9_]{0,39}|[1-9]\d{0,2})$": N_("a number from 1 to 200, or the id of a parameter"),
    r"^#[0-9a-f]{6}$": N_("a colour, e.g. #8fbfe0"),
    r"^([01]\d|2[0-3]):[0-5]\d$": N_("a time in quotes, 00:00 to 23:59"),
    r"^[A-Z]{2}$": N_("a country in two capital letters, e.g. CN"),
    r"^[A-Z]{3}$": N_("a currency in three capital letters, e.g. CNY"),
    r"^\d{1,2}(\.\d{1,4})?$": N_("percent in quotes, e.g. 19 or 8.1"),
}
_FOUND = N_("found %(found)s")
_WORDS = {
    "missing": (N_("it is missing"), N_("a value")),
    "extra_forbidden": (N_("this field is not known"), N_("one of: %(fields)s")),
    "string_type": (_FOUND, N_("text (put it in quotes)")),
    "int_type": (_FOUND, N_("a whole number without quotes")),
    "int_parsing_size": (_FOUND, N_("a smaller number")),
    "bool_type": (_FOUND, N_("true or false")),
    "tuple_type": (_FOUND, N_("a list")),
    "dict_type": (_FOUND, N_("fields with values")),
    "model_type": (_FOUND, N_("fields with values")),
    "date_type": (_FOUND, N_("a day, e.g. 2026-01-31")),
    "date_from_datetime_parsing": (_FOUND, N_("a day, e.g. 2026-01-31")),
    "date_parsing": (_FOUND, N_("a day, e.g. 2026-01-31")),
    "enum": (_FOUND, N_("one of: %(expected)s")),
    "greater_than_equal": (_FOUND, N_("at least %(ge)s")),
    "less_than_equal": (_FOUND, N_("at most %(le)s")),
    "string_too_short": (_FOUND, N_("at least %(min_length)s characters")),
    "string_too_long": (_FOUND, N_("at most %(max_length)s characters")),
    "too_short": (N_("there are %(actual_length)s"), N_("at least %(min_length)s")),
    "too_long": (N_("there are too many"), N_("at most %(max_length)s")),
}


def _finding(kind: type[Content], error: Any) -> Finding:
    # What pydantic calls `[key]`, and the tags of a choice between kinds, are no steps of the file.
    path = tuple(step for step in error["loc"] if not (isinstance(step, str) and step.startswith("[")))
    context: dict[str, Any] = dict(error.get("ctx", {}))
    name = error["type"]
    if name == "refused":
        what, expected = context["what"], context["expected"]
        return Finding(path, what.template, expected.template, what.values)
    values = {**context, "found": _shown(error["input"])}
    if name == "enum":
        values["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    if name == "extra_forbidden" and "drawing" in path and (why := why_not_drawn(str(path[-1]))) is not None:
        return Finding(path, why, N_("shapes, colours and words"), {"name": str(path[-1])[:40]})
    if name == "extra_forbidden":
        values["fields"] = ", ".join(_fields_at(kind, path[:-1]))
    if name == "string_pattern_mismatch":
        return Finding(path, _FOUND, _PATTERNS.get(context["pattern"], N_("text like %(pattern)s")), values)
    message, wanted = _WORDS.get(name, ("%(said)s", N_("another value")))
    return Finding(path, message, wanted, {**values, "said": error["msg"]})


def _shown(value: Any) -> str | Sentence:
    """A value in few characters."""
    if value is None:
        return Sentence(N_("nothing"))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list | tuple):
        return "[…]"
    text = str(value)
    return f"“{text[:60]}…”" if len(text) > 60 else f"“{text}”"


def _fields_at(kind: type[Content], path: Path) -> tuple[str, ...]:
    """The fields of the model at a path."""
    current: Any = kind
    for step in path:
        if isinstance(current, type) and issubclass(current, Content):
            known = current.model_fields.get(str(step))
            current = known.annotation if known else None
        else:
            current = next((argument for argument in reversed(get_args(current)) if argument is not Ellipsis), None)
        current = _bare(current)
    if isinstance(current, type) and issubclass(current, Content):
        return tuple(current.model_fields)
    return ()


def _bare(annotation: Any) -> Any:
    """Without Annotated and `| None`."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if get_origin(annotation) in (Union, UnionType):
        return next((_bare(one) for one in get_args(annotation) if one is not type(None)), None)
    return annotation


def field_of(path: Path, data: Any) -> str:
    """The path as a person writes it: `product.groups[colour].options[sky].name`."""
    return "".join(_steps(path, data)).removeprefix(".")


def _steps(path: Path, data: Any) -> Iterator[str]:
    for step in path:
        if isinstance(step, int):
            data = data[step] if isinstance(data, list) and step < len(data) else None
            yield f"[{_name_of(data) or f'#{step + 1}'}]"
        else:
            data = data.get(step) if isinstance(data, dict) else None
            yield f".{step[:60]}"


def _name_of(item: Any) -> str | None:
    if isinstance(item, dict):
        for key in ("id", "code", "component", "operation", "part"):
            if isinstance(item.get(key), str) and len(item[key]) <= 60:
                return str(item[key])
    return None

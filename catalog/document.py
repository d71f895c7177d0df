"""A YAML text -> plain data that knows its lines. Only what a catalog file needs of YAML; everything else is refused.

Scalars are text, except unquoted whole numbers, `true`, `false` and `null`: `19.50` stays the text "19.50", so that no
amount passes through binary floating point, `06:00` is no number in base 60 and `no` is no `false`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from catalog.problems import N_, Path, Sentence

MAXIMUM_BYTES = 2 * 1024 * 1024
MAXIMUM_DEPTH = 20
MAXIMUM_VALUES = 50_000

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_STRING = "tag:yaml.org,2002:str"


class NotReadable(ValueError):
    """The text is not YAML, or uses more of YAML than a catalog file may."""

    def __init__(self, line: int, path: Path, message: str, expected: str, **values: object) -> None:
        super().__init__(f"line {line}: {Sentence(message, values)}")
        self.line = line
        self.path = path
        self.message = Sentence(message, values)
        self.expected = Sentence(expected, values)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and the line (from 1) of each path: of its name, or of an item's first character."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(text: str | bytes) -> Document:
    """Read one YAML document. Raises NotReadable, within a second whatever the text is."""
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAXIMUM_BYTES:
        megabytes = MAXIMUM_BYTES // 1024 // 1024
        raise NotReadable(1, (), N_("the file is too large"), N_("at most %(megabytes)s MiB"), megabytes=megabytes)
    try:
        return _Reader(raw).read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = (error.problem or error.context or "")[:200]
        raise NotReadable(line, (), N_("this is not YAML: %(said)s"), N_("valid YAML"), said=said) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise NotReadable(1, (), N_("the file is not text in UTF-8"), N_("UTF-8 without control characters")) from error


class _Reader:
    """Builds data from parser events, so that depth, size, tags and anchors are judged before anything is built."""

    def __init__(self, raw: bytes) -> None:
        raw.decode()  # raises UnicodeError: no UTF-16, no surrogates
        self._events: Iterator[Any] = yaml.parse(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._lines: dict[Path, int] = {}
        self._values = 0

    def read(self) -> Document:
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise NotReadable(1, (), N_("the file is empty"), N_("a catalog file"))
        data = self._value(next(self._events), ())
        next(self._events)  # document end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise NotReadable(event.start_mark.line + 1, (), N_("a second document begins"), N_("one document a file"))
        return Document(data, self._lines)

    def _value(self, event: Any, path: Path) -> Any:
        line = event.start_mark.line + 1
        self._lines[path] = line
        self._values += 1
        if self._values > MAXIMUM_VALUES:
            raise NotReadable(line, path, N_("there are too many values"), N_("at most %(most)s"), most=MAXIMUM_VALUES)
        if len(path) > MAXIMUM_DEPTH:
            raise NotReadable(
                line, path, N_("it is nested too deeply"), N_("at most %(most)s levels"), most=MAXIMUM_DEPTH
            )
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise NotReadable(line, path, N_("anchors and aliases are not allowed"), N_("the value itself"))
        if event.tag not in (None, "!", _STRING):
            raise NotReadable(line, path, N_("the tag %(tag)s is not allowed"), N_("a plain value"), tag=event.tag[:60])
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None:
                raise NotReadable(line, path, N_("a key is not a word"), N_("a word, then a colon"))
            if event.value in items:
                raise NotReadable(
                    line,
                    (*path, event.value),
                    N_("%(name)s is given twice"),
                    N_("each key once"),
                    name=event.value[:60],
                )
            inside = (*path, event.value)
            items[event.value] = self._value(next(self._events), inside)
            self._lines[inside] = line  # where a person looks for it: at its name
        return items


def _scalar(event: Any) -> Any:
    """An unquoted whole number, true, false or null; every other scalar is text."""
    text: str = event.value
    if event.style in (None, "") and event.tag is None:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
    return text

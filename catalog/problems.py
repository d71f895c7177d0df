"""What is wrong with a catalog file: where it stands, what was found, what was expected; words can be translated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]


def N_(words: str) -> str:  # noqa: N802 - the name by which translation tools find words
    """Mark words for translation. This room speaks English; the application looks the words up."""
    return words


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words with holes: `template` is what is translated, `values` fill its `%(holes)s`."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.filled(self.template)

    def filled(self, template: str) -> str:
        """The sentence, in the words of this (translated) template."""
        return template % self.values if self.values else template


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair in a file. `line` counts from 1; `field` is the path to the value, as a person writes it."""

    line: int
    field: str
    what: Sentence
    expected: Sentence

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.field}" if self.field else "")
        return f"{where}: {self.what}; expected {self.expected}"


class Refused(ValueError):
    """A file that is not loaded, with everything that is wrong with it, by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

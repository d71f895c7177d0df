"""A drawing as catalog data: elements whose numbers, repetitions and conditions are formulas of the rule language.

It can say nothing but shapes, colours and words, so that what comes out of it (`catalog.draw`) is safe to show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, model_validator
from pydantic import Field as Bound

from catalog.content import Code, Content, Formula, Text, parses, refusal
from catalog.problems import N_

MAXIMUM_DRAWN: Final = 5_000  # elements, with every repetition
MAXIMUM_REPEATS: Final = 200
MAXIMUM_PATH: Final = 4_000  # characters
HOLE: Final = re.compile(r"\{([^{}]*)\}")
_COMMANDS: Final = re.compile(r"[MmLlHhVvCcSsQqTtAaZz0-9eE+\-., ]*")
_SCRIPTS: Final = frozenset({"script", "style", "foreignobject", "animate", "animatetransform", "set", "iframe"})
_REFERENCES: Final = frozenset({"href", "xlink:href", "src", "url", "image", "use", "filter", "mask", "pattern"})


def why_not_drawn(name: str) -> str | None:
    """Why a drawing has no such field, where it could run or load something; None: it is just not known."""
    plain = name.lower()
    if plain in _SCRIPTS:
        return N_("%(name)s: a drawing runs nothing")
    if re.fullmatch(r"on[a-z]+", plain):
        return N_("%(name)s: a drawing listens to no events")
    if plain in _REFERENCES:
        return N_("%(name)s: a drawing refers to nothing outside")
    return None


def _path_of(text: str) -> str:
    outside = HOLE.sub(" ", text)
    found = _COMMANDS.match(outside)
    assert found is not None
    if found.end() < len(outside):
        raise refusal(
            N_("found %(found)s"), N_("commands of a path, numbers, and formulas in {}"), found=outside[found.end()]
        )
    for formula in holes(text):
        parses(formula)
    return text


Colour = Annotated[str, Bound(pattern=r"^(none|#[0-9a-f]{6}|[a-z][a-z0-9_]{0,39})$")]  # written out, or of the palette
Pair = Annotated[tuple[Formula, ...], Bound(min_length=2, max_length=2)]  # x, y


class CaseContent(Content):
    """The colour where this holds."""

    when: Formula
    colour: Colour


class ColourContent(Content):
    """A colour of the palette: the swatch of what is chosen in a group (in a tone of it), else the first case that
    holds, else `colour`. `ink` can be read on the swatch.
    """

    id: Code
    colour: Colour = "none"
    swatch: Code | None = None
    tone: Literal["base", "dark", "light", "ink"] = "base"
    cases: Annotated[tuple[CaseContent, ...], Bound(max_length=40)] = ()


class ValueContent(Content):
    """A number that later formulas of the drawing name."""

    id: Code
    formula: Formula


class RunningContent(Content):
    """A number that begins at `start` and grows by `add` after each repetition: where the next one stands."""

    id: Code
    start: Formula = "0"
    add: Formula


class RectContent(Content):
    """A rectangle by its upper left corner."""

    x: Formula
    y: Formula
    width: Formula
    height: Formula
    radius: Formula | None = None


class EllipseContent(Content):
    """An ellipse (a circle without `ry`)."""

    x: Formula
    y: Formula
    rx: Formula
    ry: Formula | None = None


class LineContent(Content):
    """A line from one point to another."""

    start: Pair
    end: Pair


class WordsContent(Content):
    """One line of words: a text of the file, what was typed, the option that was chosen, or a number.

    `anchor`: which part of it stands at x. `room`: it is set smaller where it would be longer. `towards`: it runs
    towards that point, and stands in the middle between both.
    """

    x: Formula
    y: Formula
    size: Formula
    words: Text | None = None
    typed: Code | None = None
    option: Code | None = None
    number: Formula | None = None
    unit: Annotated[str, Bound(max_length=20)] = ""
    anchor: Literal["start", "middle", "end"] = "middle"
    room: Formula | None = None
    towards: Pair | None = None
    bold: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> WordsContent:
        if sum(one is not None for one in (self.words, self.typed, self.option, self.number)) != 1:
            raise refusal(N_("it must be said which words"), N_("one of: words, typed, option, number"))
        return self


class DimensionContent(Content):
    """A dimension line beside two points, `away` from them (to the left of the way from start to end is negative)."""

    start: Pair
    end: Pair
    away: Formula = "0"
    number: Formula
    unit: Annotated[str, Bound(max_length=20)] = "mm"
    size: Formula


class RepeatContent(Content):
    """The elements so many times; `name` is 1, 2, ... `most`: however large the number becomes."""

    times: Formula
    most: Annotated[int, Bound(ge=1, le=MAXIMUM_REPEATS)]
    name: Code
    running: Annotated[tuple[RunningContent, ...], Bound(max_length=20)] = ()
    draw: Annotated[tuple[ElementContent, ...], Bound(min_length=1)]


class EachContent(Content):
    """The elements for each instance of a component that is there, whose own names they may use.

    In it, once more, those of a component that is inside the component.
    """

    component: Code
    running: Annotated[tuple[RunningContent, ...], Bound(max_length=20)] = ()
    draw: Annotated[tuple[ElementContent, ...], Bound(min_length=1)]


class GroupedContent(Content):
    """Elements together: moved, turned (degrees, about a point) and scaled."""

    draw: Annotated[tuple[ElementContent, ...], Bound(min_length=1)]
    move: Pair | None = None
    turn: Formula | None = None
    about: Pair | None = None
    scale: Formula | None = None
    values: Annotated[tuple[ValueContent, ...], Bound(max_length=100)] = ()


class ShownContent(Content):
    """One of the drawing's shapes, with the numbers that it takes."""

    shape: Code
    values: dict[Code, Formula] = {}


KINDS: Final = (
    "rect", "ellipse", "line", "polygon", "path", "text", "dimension", "group", "repeat", "each", "show",
)  # fmt: skip


class ElementContent(Content):
    """One element: one of the KINDS, where `when` holds. `width`: of its line."""

    when: Formula | None = None
    fill: Colour = "none"
    stroke: Colour = "none"
    width: Formula | None = None
    dash: Annotated[tuple[Formula, ...], Bound(min_length=1, max_length=6)] | None = None
    cap: Literal["butt", "round", "square"] = "butt"
    opacity: Formula | None = None
    rect: RectContent | None = None
    ellipse: EllipseContent | None = None
    line: LineContent | None = None
    polygon: Annotated[tuple[Pair, ...], Bound(min_length=3, max_length=200)] | None = None
    path: Annotated[str, Bound(min_length=1, max_length=MAXIMUM_PATH), AfterValidator(_path_of)] | None = None
    text: WordsContent | None = None
    dimension: DimensionContent | None = None
    group: GroupedContent | None = None
    repeat: RepeatContent | None = None
    each: EachContent | None = None
    show: ShownContent | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ElementContent:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise refusal(N_("an element is one thing"), N_("one of: %(kinds)s"), kinds=", ".join(KINDS))
        return self

    @property
    def kind(self) -> str:
        """Which of the KINDS it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def inner(self) -> tuple[ElementContent, ...]:
        """The elements inside."""
        holder = self.group or self.repeat or self.each
        return holder.draw if holder is not None else ()


class ShapeContent(Content):
    """Elements that are shown several times, with numbers of their own. A shape may show those before it."""

    id: Code
    takes: tuple[Code, ...] = ()
    draw: Annotated[tuple[ElementContent, ...], Bound(min_length=1)]


class DrawingContent(Content):
    """A drawing of `width` by `height`: any unit, as long as all is drawn in it."""

    width: Formula
    height: Formula
    values: Annotated[tuple[ValueContent, ...], Bound(max_length=200)] = ()
    colours: Annotated[tuple[ColourContent, ...], Bound(max_length=100)] = ()
    shapes: Annotated[tuple[ShapeContent, ...], Bound(max_length=60)] = ()
    draw: Annotated[tuple[ElementContent, ...], Bound(min_length=1)]


for _later in (RepeatContent, EachContent, GroupedContent, ElementContent, ShapeContent, DrawingContent):
    _later.model_rebuild()


def holes(path: str) -> tuple[str, ...]:
    """The formulas in a path."""
    return tuple(HOLE.findall(path))


def elements_in(draw: tuple[ElementContent, ...]) -> Iterator[ElementContent]:
    """Every element, those inside others too."""
    for element in draw:
        yield element
        yield from elements_in(element.inner)

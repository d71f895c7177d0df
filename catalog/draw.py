"""A drawing and a variant -> SVG. Only this module writes its markup: numbers, colours of `#rrggbb` and escaped words.

Formulas are compiled to functions over floating point numbers once; drawing calls them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape
from math import atan2, ceil, cos, degrees, floor, hypot, isfinite, radians, sin
from typing import Final

from catalog.components import Instances, expression_of
from catalog.content import parsed
from catalog.drawing import (
    HOLE,
    ColourContent,
    DrawingContent,
    ElementContent,
    RunningContent,
    ShownContent,
    WordsContent,
)
from catalog.products import ComponentContent, GroupContent, ProductContent
from catalog.state import ProductProblem
from solver.configuration.check import answers
from solver.configuration.problem import GroupId, Variant
from solver.configuration.rules import (
    And,
    Answers,
    Cases,
    Ceil,
    Comparator,
    Comparison,
    Expression,
    Floor,
    Implies,
    Instance,
    Length,
    Max,
    Member,
    Min,
    Modulo,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
)

LARGEST: Final = 100_000.0  # what any number of a drawing is cut to
_SMALL: Final = 1e-9  # floating point numbers that are nearer than this are equal
_INK, _PAPER = "#11181d", "#ffffff"

_Number = Callable[["_Sheet"], float]
_Word = Callable[["_Sheet"], str]
_Draw = Callable[["_Sheet", list[str]], None]


@dataclass(slots=True)
class _Sheet:
    """One variant while it is drawn. `named`: the numbers that the drawing itself has named so far."""

    asked: Answers
    variant: Variant
    language: str
    named: dict[str, float] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A compiled drawing of one product: call `svg` for a variant."""

    product: ProductContent
    problem: ProductProblem
    size: tuple[_Number, _Number]
    values: tuple[tuple[str, _Number], ...]
    elements: tuple[_Draw, ...]

    def svg(self, variant: Variant, language: str, label: str) -> str:
        """The SVG of a complete variant in `zh` or `en`, with `label` as its text alternative.

        Raises ArithmeticError where a formula divides by 0; loading a file tries it on many variants.
        """
        sheet = _Sheet(answers(self.problem, variant), variant, language)
        for name, value in self.values:
            sheet.named[name] = value(sheet)
        width, height = (_few(max(1.0, side(sheet))) for side in self.size)
        out = [
            f'<svg class="drawing" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}"'
            ' xmlns="http://www.w3.org/2000/svg">'
        ]
        for element in self.elements:
            element(sheet, out)
        out.append("</svg>")
        return "".join(out)


def compile_drawing(product: ProductContent, problem: ProductProblem) -> Drawing | None:
    """The drawing of a product as its file says it (not written out); None if it has none."""
    content = product.drawing
    if not isinstance(content, DrawingContent):
        return None
    return _Compiler(product, problem, content).run()


# --- colours and words ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paint:
    """A colour in three tones, and the one that can be read on it."""

    base: str
    dark: str
    light: str
    ink: str


@lru_cache(maxsize=256)
def paint(swatch: str) -> Paint:
    """Tones of a `#rrggbb`; the ink is dark on light paint and light on dark paint."""
    rgb = [int(swatch[i : i + 2], 16) for i in (1, 3, 5)]
    luminance = sum(share * part / 255 for share, part in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))
    return Paint(swatch, _mixed(rgb, 0, 0.42), _mixed(rgb, 255, 0.55), _INK if luminance > 0.42 else _PAPER)


def _mixed(rgb: Sequence[int], towards: int, share: float) -> str:
    return "#" + "".join(f"{round(part + (towards - part) * share):02x}" for part in rgb)


def letter_size(text: str, room: float, largest: float) -> float:
    """The type size at which a text fills at most `room`: wide letters take an em, others a little over half."""
    ems = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in text)
    return round(min(largest, max(0.0, room) / ems), 2) if ems else largest


def _few(number: float) -> str:
    """A number in few characters, at most two places."""
    if not isfinite(number):
        return "0"
    cut = min(LARGEST, max(-LARGEST, number))
    found = f"{cut:.2f}".rstrip("0").rstrip(".")
    return "0" if found == "-0" else found


def _shown(number: float, unit: str) -> str:
    """A measure as it is written beside its line."""
    whole = abs(number - round(number)) < 0.05
    return f"{round(number) if whole else round(number, 1):,} {unit}".rstrip()


def _measured(
    points: Sequence[float], ends: Sequence[float], way: tuple[float, float], size: float, colour: str, width: float,
    said: str,
) -> str:
    """A dimension line between `ends`, lines that lead to it from the points, a stroke at either end, and its words."""
    x1, y1, x2, y2 = ends
    ux, uy = way
    tick = size * 0.3
    across, down = (ux - uy) * tick, (uy + ux) * tick
    strokes = "".join(
        f"M{_few(x - across)} {_few(y - down)}L{_few(x + across)} {_few(y + down)}" for x, y in ((x1, y1), (x2, y2))
    )
    leading = "".join(
        f"M{_few(a)} {_few(b)}L{_few(x)} {_few(y)}"
        for a, b, x, y in ((points[0], points[1], x1, y1), (points[2], points[3], x2, y2))
    )
    angle = degrees(atan2(uy, ux))
    if angle > 90 - _SMALL or angle <= -90 - _SMALL:
        angle += 180 if angle < 0 else -180
    up = radians(angle)
    left, top = (x1 + x2) / 2 + sin(up) * size * 0.35, (y1 + y2) / 2 - cos(up) * size * 0.35
    turn = f' transform="rotate({_few(angle)} {_few(left)} {_few(top)})"' if abs(angle) > _SMALL else ""
    return (
        f'<path d="{leading}" fill="none" stroke="{colour}" stroke-width="{_few(width * 0.6)}" opacity="0.5"/>'
        f'<path d="M{_few(x1)} {_few(y1)}L{_few(x2)} {_few(y2)}{strokes}" fill="none" stroke="{colour}"'
        f' stroke-width="{_few(width)}"/>'
        f'<text class="measures" x="{_few(left)}" y="{_few(top)}" font-size="{_few(size)}" text-anchor="middle"'
        f' fill="{colour}"{turn}>{escape(said)}</text>'
    )


# --- formulas -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where formulas stand: the numbers that the drawing has named there, and the instance that they are in.

    `inside`: its component, and before it those that it is inside of.
    """

    named: frozenset[str]
    own: Instance | None = None
    inside: tuple[ComponentContent, ...] = ()

    def knowing(self, *names: str) -> _Scope:
        return replace(self, named=self.named | frozenset(names))

    def written(self, name: str) -> str:
        """What the product calls that which is called so here."""
        return name if self.own is None else self.own.names.get(name, name)


def _function(tree: Expression, named: frozenset[str]) -> _Number:
    """The value of an expression as a function. What holds is 1.0, else 0.0."""

    def of(part: Expression) -> _Number:
        return _function(part, named)

    match tree:
        case Number(value=value):
            constant = float(value)
            return lambda sheet: constant
        case Parameter(name=name) if name in named:
            return lambda sheet: sheet.named[name]
        case Parameter(name=name):
            return lambda sheet: float(sheet.asked.parameter(name))
        case Member(group=group, name=name):
            return lambda sheet: float(sheet.asked.member(group, name))
        case Length(name=name):
            return lambda sheet: float(len(sheet.asked.text(name)))
        case Not(operand=operand):
            one = of(operand)
            return lambda sheet: 0.0 if one(sheet) else 1.0
        case Negative(operand=operand):
            one = of(operand)
            return lambda sheet: -one(sheet)
        case Ceil(operand=operand):
            one = of(operand)
            return lambda sheet: float(ceil(one(sheet) - _SMALL))
        case Floor(operand=operand):
            one = of(operand)
            return lambda sheet: float(floor(one(sheet) + _SMALL))
        case And(operands=operands):
            parts = [of(operand) for operand in operands]
            return lambda sheet: float(all(part(sheet) for part in parts))
        case Or(operands=operands):
            parts = [of(operand) for operand in operands]
            return lambda sheet: float(any(part(sheet) for part in parts))
        case Sum(operands=(left, right)):
            first, second = of(left), of(right)
            return lambda sheet: first(sheet) + second(sheet)
        case Sum(operands=operands):
            parts = [of(operand) for operand in operands]
            return lambda sheet: sum(part(sheet) for part in parts)
        case Product(operands=(left, right)):
            first, second = of(left), of(right)
            return lambda sheet: first(sheet) * second(sheet)
        case Product(operands=operands):
            parts = [of(operand) for operand in operands]
            return lambda sheet: _product(part(sheet) for part in parts)
        case Min(operands=operands):
            parts = [of(operand) for operand in operands]
            return lambda sheet: min(part(sheet) for part in parts)
        case Max(operands=operands):
            parts = [of(operand) for operand in operands]
            return lambda sheet: max(part(sheet) for part in parts)
        case Quotient(left=left, right=right):
            first, second = of(left), of(right)
            return lambda sheet: first(sheet) / second(sheet)
        case Modulo(left=left, right=right):
            first, second = of(left), of(right)
            return lambda sheet: first(sheet) % second(sheet)
        case Implies(left=left, right=right):
            first, second = of(left), of(right)
            return lambda sheet: float(not first(sheet) or bool(second(sheet)))
        case Comparison(left=left, comparator=comparator, right=right):
            first, second, compare = of(left), of(right), _COMPARE[comparator]
            return lambda sheet: float(compare(first(sheet) - second(sheet)))
        case When(condition=condition, yes=yes, no=no):
            first, second, third = of(condition), of(yes), of(no)
            return lambda sheet: second(sheet) if first(sheet) else third(sheet)
        case Cases(cases=cases, otherwise=otherwise):
            branches, last = [(of(condition), of(value)) for condition, value in cases], of(otherwise)
            return lambda sheet: next((value for when, value in branches if when(sheet)), last)(sheet)
    raise TypeError(f"{tree!r} is not known.")


def _product(factors: object) -> float:
    total = 1.0
    for factor in factors:  # type: ignore[attr-defined]
        total *= factor
    return total


_COMPARE: Final[Mapping[Comparator, Callable[[float], bool]]] = {
    Comparator.EQUAL: lambda d: abs(d) <= _SMALL,
    Comparator.UNEQUAL: lambda d: abs(d) > _SMALL,
    Comparator.LESS: lambda d: d < -_SMALL,
    Comparator.LESS_OR_EQUAL: lambda d: d <= _SMALL,
    Comparator.GREATER: lambda d: d > _SMALL,
    Comparator.GREATER_OR_EQUAL: lambda d: d >= -_SMALL,
}


# --- elements -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Compiler:
    product: ProductContent
    problem: ProductProblem
    content: DrawingContent
    colours: dict[str, _Word] = field(default_factory=dict)
    shapes: dict[str, tuple[_Draw, ...]] = field(default_factory=dict)

    @property
    def instances(self) -> Instances:
        return self.problem.instances

    def run(self) -> Drawing:
        content, scope = self.content, _Scope(frozenset())
        values: list[tuple[str, _Number]] = []
        for value in content.values:
            values.append((value.id, self.number(value.formula, scope)))
            scope = scope.knowing(value.id)
        for colour in content.colours:
            self.colours[colour.id] = self._palette(colour, scope)
        for shape in content.shapes:
            self.shapes[shape.id] = self.elements(shape.draw, scope.knowing(*shape.takes))
        size = (self.number(content.width, scope), self.number(content.height, scope))
        return Drawing(self.product, self.problem, size, tuple(values), self.elements(content.draw, scope))

    def number(self, formula: str, scope: _Scope) -> _Number:
        tree = parsed(formula)
        if self.instances:
            tree = expression_of(formula, self.instances, scope.own)
        return _function(tree, scope.named)

    def elements(self, draw: Sequence[ElementContent], scope: _Scope) -> tuple[_Draw, ...]:
        return tuple(self.element(one, scope) for one in draw)

    def element(self, element: ElementContent, scope: _Scope) -> _Draw:
        drawn = getattr(self, f"_{element.kind}")(element, scope)
        if element.when is None:
            return drawn  # type: ignore[no-any-return]
        when = self.number(element.when, scope)

        def where_it_holds(sheet: _Sheet, out: list[str]) -> None:
            if when(sheet):
                drawn(sheet, out)

        return where_it_holds

    # --- colours ---

    def _palette(self, content: ColourContent, scope: _Scope) -> _Word:
        otherwise = self.colour(content.colour)
        cases = [(self.number(case.when, scope), self.colour(case.colour)) for case in content.cases]
        swatches: dict[str, str] = {}
        if content.swatch is not None:
            options = self.product.group(content.swatch).options
            swatches = {option.id: getattr(paint(option.swatch), content.tone) for option in options if option.swatch}
        group = GroupId(content.swatch or "")

        def found(sheet: _Sheet) -> str:
            for option in sheet.variant.chosen.get(group, ()):
                if option in swatches:
                    return swatches[option]
            return next((colour for when, colour in cases if when(sheet)), otherwise)(sheet)

        return found

    def colour(self, name: str) -> _Word:
        """A colour as it is written out, or as the palette has it in this drawing."""
        if name == "none" or name.startswith("#"):
            return lambda sheet: name
        one = self.colours[name]

        def once(sheet: _Sheet) -> str:
            known = sheet.colours.get(name)
            if known is None:
                known = sheet.colours[name] = one(sheet)
            return known

        return once

    def _pen(self, element: ElementContent, scope: _Scope) -> _Word:
        """How an element is filled and lined."""
        fill, stroke = self.colour(element.fill), self.colour(element.stroke)
        lined = element.stroke != "none"
        width = self.number(element.width, scope) if element.width is not None else None
        dash = [self.number(one, scope) for one in element.dash or ()]
        opacity = self.number(element.opacity, scope) if element.opacity is not None else None
        cap = "" if element.cap == "butt" else f' stroke-linecap="{element.cap}" stroke-linejoin="round"'

        def attributes(sheet: _Sheet) -> str:
            found = f' fill="{fill(sheet)}"'
            if lined:
                found += f' stroke="{stroke(sheet)}"{cap}'
                if width is not None:
                    found += f' stroke-width="{_few(max(0.0, width(sheet)))}"'
                if dash:
                    found += f' stroke-dasharray="{" ".join(_few(max(0.0, one(sheet))) for one in dash)}"'
            if opacity is not None:
                found += f' opacity="{_few(min(1.0, max(0.0, opacity(sheet))))}"'
            return found

        return attributes

    # --- kinds: one function each ---

    def _plain(self, tag: str, numbers: Mapping[str, str | None], element: ElementContent, scope: _Scope) -> _Draw:
        pen = self._pen(element, scope)
        given = [(name, self.number(formula, scope)) for name, formula in numbers.items() if formula is not None]

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            attributes = "".join([f' {name}="{_few(number(sheet))}"' for name, number in given])
            out.append(f"<{tag}{attributes}{pen(sheet)}/>")

        return drawn

    def _rect(self, element: ElementContent, scope: _Scope) -> _Draw:
        rect = element.rect
        assert rect is not None
        pen = self._pen(element, scope)
        x, y, width, height = (self.number(one, scope) for one in (rect.x, rect.y, rect.width, rect.height))
        radius = self.number(rect.radius, scope) if rect.radius is not None else None

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            wide, high = width(sheet), height(sheet)
            if wide <= 0 or high <= 0:
                return  # nothing to see; a negative side is no SVG
            round_ = f' rx="{_few(max(0.0, radius(sheet)))}"' if radius is not None else ""
            place = f'x="{_few(x(sheet))}" y="{_few(y(sheet))}" width="{_few(wide)}" height="{_few(high)}"'
            out.append(f"<rect {place}{round_}{pen(sheet)}/>")

        return drawn

    def _ellipse(self, element: ElementContent, scope: _Scope) -> _Draw:
        ellipse = element.ellipse
        assert ellipse is not None
        pen = self._pen(element, scope)
        x, y, rx = (self.number(one, scope) for one in (ellipse.x, ellipse.y, ellipse.rx))
        ry = self.number(ellipse.ry, scope) if ellipse.ry is not None else rx

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            across, up = rx(sheet), ry(sheet)
            if across <= 0 or up <= 0:
                return
            place = f'cx="{_few(x(sheet))}" cy="{_few(y(sheet))}" rx="{_few(across)}" ry="{_few(up)}"'
            out.append(f"<ellipse {place}{pen(sheet)}/>")

        return drawn

    def _line(self, element: ElementContent, scope: _Scope) -> _Draw:
        line = element.line
        assert line is not None
        ends = {"x1": line.start[0], "y1": line.start[1], "x2": line.end[0], "y2": line.end[1]}
        return self._plain("line", ends, element, scope)

    def _polygon(self, element: ElementContent, scope: _Scope) -> _Draw:
        pen = self._pen(element, scope)
        points = [(self.number(x, scope), self.number(y, scope)) for x, y in element.polygon or ()]

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            corners = " ".join([f"{_few(x(sheet))},{_few(y(sheet))}" for x, y in points])
            out.append(f'<polygon points="{corners}"{pen(sheet)}/>')

        return drawn

    def _path(self, element: ElementContent, scope: _Scope) -> _Draw:
        assert element.path is not None
        pen = self._pen(element, scope)
        parts = HOLE.split(element.path)  # words and formulas take turns
        words, numbers = parts[::2], [self.number(formula, scope) for formula in parts[1::2]]

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            found = [words[0]]
            for number, word in zip(numbers, words[1:], strict=True):
                found += (_few(number(sheet)), word)
            out.append(f'<path d="{"".join(found)}"{pen(sheet)}/>')

        return drawn

    def _text(self, element: ElementContent, scope: _Scope) -> _Draw:
        content = element.text
        assert content is not None
        pen, words = self._pen(element, scope), self._words(content, scope)
        x, y, size = (self.number(one, scope) for one in (content.x, content.y, content.size))
        room = self.number(content.room, scope) if content.room is not None else None
        towards = [self.number(one, scope) for one in content.towards or ()]
        bold = ' font-weight="600"' if content.bold else ""
        class_ = ' class="measures"' if content.number is not None else ""

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            said = words(sheet)
            if not said:
                return
            left, top, high = x(sheet), y(sheet), size(sheet)
            if room is not None:
                high = letter_size(said, room(sheet), high)
            turn, anchor = "", content.anchor
            if towards:
                right, bottom = (one(sheet) for one in towards)
                angle = degrees(atan2(bottom - top, right - left))
                left, top, anchor = (left + right) / 2, (top + bottom) / 2, "middle"
                turn = f' transform="rotate({_few(angle)} {_few(left)} {_few(top)})"'
            place = f'x="{_few(left)}" y="{_few(top)}" font-size="{_few(max(0.0, high))}" text-anchor="{anchor}"'
            out.append(f"<text{class_} {place}{bold}{turn}{pen(sheet)}>{escape(said)}</text>")

        return drawn

    def _words(self, content: WordsContent, scope: _Scope) -> _Word:
        if content.words is not None:
            zh, en = content.words.zh, content.words.en
            return lambda sheet: zh if sheet.language == "zh" else en
        if content.typed is not None:
            typed = scope.written(content.typed)
            return lambda sheet: sheet.variant.texts.get(typed, "")
        if content.option is not None:
            asked = content.option
            group = GroupId(scope.written(asked))
            names = {option.id: option.name for option in self._asked_group(asked, scope).options}
            return lambda sheet: next(
                (
                    names[option].zh if sheet.language == "zh" else names[option].en
                    for option in sheet.variant.chosen.get(group, ())
                ),
                "",
            )
        number, unit = self.number(content.number or "0", scope), content.unit
        return lambda sheet: _shown(number(sheet), unit)

    def _asked_group(self, asked: str, scope: _Scope) -> GroupContent:
        groups = (group for component in reversed(scope.inside) for group in component.groups)
        return next((group for group in groups if group.id == asked), None) or self.product.group(asked)

    def _dimension(self, element: ElementContent, scope: _Scope) -> _Draw:
        content = element.dimension
        assert content is not None
        stroke = self.colour(element.stroke)
        width = self.number(element.width or "1", scope)
        points = [self.number(one, scope) for one in (*content.start, *content.end)]
        away, number, size = (self.number(one, scope) for one in (content.away, content.number, content.size))

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            x1, y1, x2, y2 = (one(sheet) for one in points)
            length = hypot(x2 - x1, y2 - y1)
            if length <= 0:
                return
            ux, uy = (x2 - x1) / length, (y2 - y1) / length
            far, high = away(sheet), size(sheet)
            ends = (x1 - uy * far, y1 + ux * far, x2 - uy * far, y2 + ux * far)
            said = _shown(number(sheet), content.unit)
            out.append(_measured((x1, y1, x2, y2), ends, (ux, uy), high, stroke(sheet), width(sheet), said))

        return drawn

    def _group(self, element: ElementContent, scope: _Scope) -> _Draw:
        group = element.group
        assert group is not None
        values: list[tuple[str, _Number]] = []
        for value in group.values:
            values.append((value.id, self.number(value.formula, scope)))
            scope = scope.knowing(value.id)
        move = [self.number(one, scope) for one in group.move or ()]
        turn = self.number(group.turn, scope) if group.turn is not None else None
        about = [self.number(one, scope) for one in group.about or ()]
        scale = self.number(group.scale, scope) if group.scale is not None else None
        opacity = self.number(element.opacity, scope) if element.opacity is not None else None
        inner = self.elements(group.draw, scope)

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            before = sheet.named
            if values:
                sheet.named = dict(before)
                for name, value in values:
                    sheet.named[name] = value(sheet)
            found = ""
            if move:
                found += f"translate({' '.join(_few(one(sheet)) for one in move)}) "
            if turn is not None:
                found += f"rotate({' '.join(_few(one(sheet)) for one in (turn, *about))}) "
            if scale is not None:
                found += f"scale({_few(scale(sheet))})"
            seen = f' opacity="{_few(min(1.0, max(0.0, opacity(sheet))))}"' if opacity is not None else ""
            place = f' transform="{found.strip()}"' if found else ""
            out.append(f"<g{place}{seen}>")
            for one in inner:
                one(sheet, out)
            out.append("</g>")
            sheet.named = before

        return drawn

    def _running(
        self, running: Sequence[RunningContent], outer: _Scope, inside: _Scope
    ) -> tuple[list[tuple[str, _Number]], list[tuple[str, _Number]], _Scope]:
        """Where they start, what they grow by, and the scope in which they are known."""
        knowing = inside.knowing(*(one.id for one in running))
        starts = [(one.id, self.number(one.start, outer)) for one in running]
        return starts, [(one.id, self.number(one.add, knowing)) for one in running], knowing

    def _repeat(self, element: ElementContent, scope: _Scope) -> _Draw:
        repeat = element.repeat
        assert repeat is not None
        times = self.number(repeat.times, scope)
        starts, adds, inside = self._running(repeat.running, scope, scope.knowing(repeat.name))
        inner = self.elements(repeat.draw, inside)

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            before = sheet.named
            sheet.named = {**before, repeat.name: 1.0}
            for name, start in starts:
                sheet.named[name] = start(sheet)
            for turn in range(1, min(repeat.most, int(max(0.0, times(sheet)) + _SMALL)) + 1):
                sheet.named[repeat.name] = float(turn)
                for one in inner:
                    one(sheet, out)
                for name, add in adds:
                    sheet.named[name] += add(sheet)
            sheet.named = before

        return drawn

    def _each(self, element: ElementContent, scope: _Scope) -> _Draw:
        each = element.each
        assert each is not None
        starts: list[tuple[str, _Number]] = []
        turns = []
        components = scope.inside[-1].components if scope.inside else self.product.components
        component = next(one for one in components if one.id == each.component)
        for own in self.instances.get(scope.written(each.component), ()):
            at = replace(scope, own=own, inside=(*scope.inside, component))
            starts, adds, inside = self._running(each.running, scope, at)
            there = _function(own.when, frozenset()) if own.when is not None else None
            turns.append((there, self.elements(each.draw, inside), adds))

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            before = sheet.named
            sheet.named = dict(before)
            for name, start in starts:
                sheet.named[name] = start(sheet)
            for there, inner, adds in turns:
                if there is not None and not there(sheet):
                    continue
                for one in inner:
                    one(sheet, out)
                for name, add in adds:
                    sheet.named[name] += add(sheet)
            sheet.named = before

        return drawn

    def _show(self, element: ElementContent, scope: _Scope) -> _Draw:
        shown: ShownContent | None = element.show
        assert shown is not None
        inner = self.shapes[shown.shape]
        values = [(name, self.number(formula, scope)) for name, formula in shown.values.items()]

        def drawn(sheet: _Sheet, out: list[str]) -> None:
            before = sheet.named
            sheet.named = {**before, **{name: value(sheet) for name, value in values}}
            for one in inner:
                one(sheet, out)
            sheet.named = before

        return drawn

"""What is wrong with a drawing that has the right shape: names that do not exist, and more than may be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.components import Owner, most_of
from catalog.content import parsed
from catalog.drawing import MAXIMUM_DRAWN, DrawingContent, ElementContent, RunningContent, holes
from catalog.problems import N_, Path
from catalog.products import MAXIMUM_INSTANCES, ComponentContent, ProductContent
from catalog.shape import Finding
from catalog.verify import Names
from solver.configuration.rules import Each, Expression

_PARTS = 40  # of formulas, and characters of a path, that count as one element


def drawing_problems(product: ProductContent) -> Iterator[Finding]:
    """What is wrong with a product's drawing. The product has no other problems."""
    content = product.drawing
    if content is None:
        return
    if not isinstance(content, DrawingContent):
        wanted = N_("the drawing itself: width, height, values, colours, shapes, draw")
        yield Finding(("drawing",), N_("%(name)s is only the name of a drawing"), wanted, {"name": content})
        return
    yield from _Reader(product, content).problems()


@dataclass(frozen=True, slots=True)
class _Scope:
    """The names of a place of the drawing: of the product (or of a component inside it), and its own."""

    names: Names
    own: frozenset[str] = frozenset()
    component: str = ""

    def knowing(self, *names: str) -> _Scope:
        return replace(self, own=self.own | frozenset(names))

    @property
    def known(self) -> Names:
        """What may be named here besides the drawing's own."""
        return self.names.inside[self.component] if self.component else self.names

    @property
    def components(self) -> frozenset[str]:
        """The components whose instances can be gone through here: those right inside."""
        return self.known.components - self.names.components if self.component else self.names.components

    def problems(self, path: Path, formula: str | None) -> Iterator[Finding]:
        yield from replace(self.known, parameters=self.known.parameters | self.own).problems(path, formula)


class _Reader:
    def __init__(self, product: ProductContent, content: DrawingContent) -> None:
        self.product = product
        self.content = content
        self.names = Names.of(product)
        self.palette = {colour.id for colour in content.colours}
        self.shapes: dict[str, tuple[frozenset[str], int]] = {}  # what it takes, and how much it is
        self.most = {one.id: min(most_of(one, owner), MAXIMUM_INSTANCES) for one, owner in _components(product)}

    def problems(self) -> Iterator[Finding]:
        content = self.content
        path: Path = ("drawing",)
        scope = _Scope(self.names)
        for index, value in enumerate(content.values):
            yield from self._named((*path, "values", index, "id"), value.id, scope)
            yield from scope.problems((*path, "values", index, "formula"), value.formula)
            scope = scope.knowing(value.id)
        for side in ("width", "height"):
            yield from scope.problems((*path, side), getattr(content, side))
        yield from self._colours(scope)
        for index, shape in enumerate(content.shapes):
            at: Path = (*path, "shapes", index)
            for name in shape.takes:
                yield from self._named((*at, "takes"), name, scope)
            yield from self._elements((*at, "draw"), shape.draw, scope.knowing(*shape.takes))
            self.shapes[shape.id] = (frozenset(shape.takes), self._amount(shape.draw, 1))
        yield from self._elements((*path, "draw"), content.draw, scope)
        amount = self._amount(content.draw, 1)
        if amount > MAXIMUM_DRAWN:
            message = N_("with every repetition it comes to %(count)s elements")
            values = {"count": min(amount, 10**9), "most": MAXIMUM_DRAWN}
            yield Finding((*path, "draw"), message, N_("at most %(most)s"), values)

    def _named(self, path: Path, name: str, scope: _Scope) -> Iterator[Finding]:
        """A name of the drawing's own means one thing only."""
        taken = self.names.groups.keys() | self.names.parameters | self.names.texts | self.names.components
        inside = {own for component, _owner in _components(self.product) for own in (component.id, *component.own_ids)}
        if name in taken | inside | scope.own:
            yield Finding(path, N_("%(name)s is already something else"), N_("another name"), {"name": name})

    def _colours(self, scope: _Scope) -> Iterator[Finding]:
        known: set[str] = set()
        for index, colour in enumerate(self.content.colours):
            path: Path = ("drawing", "colours", index)
            if colour.swatch is not None and colour.swatch not in self.names.groups:
                yield _missing((*path, "swatch"), colour.swatch, N_("a group: %(known)s"), self.names.groups)
            for place, case in enumerate(colour.cases):
                yield from scope.problems((*path, "cases", place, "when"), case.when)
            for one in (colour.colour, *(case.colour for case in colour.cases)):
                # Only what stands before it, or it could need itself.
                if one != "none" and not one.startswith("#") and one not in known:
                    yield _missing((*path, "colour"), one, N_("an earlier colour: %(known)s"), known)
            known.add(colour.id)

    def _elements(self, path: Path, draw: Sequence[ElementContent], scope: _Scope) -> Iterator[Finding]:
        for index, element in enumerate(draw):
            yield from self._element((*path, index), element, scope)

    def _element(self, path: Path, element: ElementContent, scope: _Scope) -> Iterator[Finding]:
        for key in ("fill", "stroke"):
            name = getattr(element, key)
            if name != "none" and not name.startswith("#") and name not in self.palette:
                yield _missing((*path, key), name, N_("a colour of the drawing: %(known)s"), self.palette)
        for where, formula in _plain(element).items():
            if element.show is None or where[0] != "show":
                yield from scope.problems((*path, *where), formula)
        inner = scope
        inside: Path = (*path, element.kind)
        if element.group is not None:
            for place, value in enumerate(element.group.values):
                yield from self._named((*inside, "values", place, "id"), value.id, inner)
                yield from inner.problems((*inside, "values", place, "formula"), value.formula)
                inner = inner.knowing(value.id)
        elif element.repeat is not None:
            yield from self._named((*inside, "name"), element.repeat.name, inner)
            inner = inner.knowing(element.repeat.name)
            yield from self._running(inside, element.repeat.running, scope, inner)
            inner = inner.knowing(*(one.id for one in element.repeat.running))
        elif element.each is not None:
            if element.each.component not in scope.components:
                known = scope.components
                yield _missing((*inside, "component"), element.each.component, N_("a component: %(known)s"), known)
                return
            inner = replace(scope, component=element.each.component)
            yield from self._running(inside, element.each.running, scope, inner)
            inner = inner.knowing(*(one.id for one in element.each.running))
        elif element.show is not None:
            yield from self._show(inside, element, scope)
        elif element.text is not None:
            yield from self._words(inside, element, scope)
        yield from self._elements((*inside, "draw"), element.inner, inner)

    def _running(
        self, path: Path, running: Sequence[RunningContent], outer: _Scope, inner: _Scope
    ) -> Iterator[Finding]:
        knowing = inner.knowing(*(one.id for one in running))
        for place, one in enumerate(running):
            yield from self._named((*path, "running", place, "id"), one.id, outer)
            yield from outer.problems((*path, "running", place, "start"), one.start)
            yield from knowing.problems((*path, "running", place, "add"), one.add)

    def _show(self, path: Path, element: ElementContent, scope: _Scope) -> Iterator[Finding]:
        shown = element.show
        assert shown is not None
        if shown.shape not in self.shapes:
            yield _missing((*path, "shape"), shown.shape, N_("an earlier shape: %(known)s"), self.shapes)
            return
        takes = self.shapes[shown.shape][0]
        if set(shown.values) != takes:
            values = {"shape": shown.shape, "takes": ", ".join(sorted(takes)) or "-"}
            yield Finding((*path, "values"), N_("%(shape)s takes %(takes)s"), N_("exactly these"), values)
        for name, formula in shown.values.items():
            yield from scope.problems((*path, "values", name), formula)

    def _words(self, path: Path, element: ElementContent, scope: _Scope) -> Iterator[Finding]:
        words = element.text
        assert words is not None
        groups, texts = scope.known.groups, scope.known.texts
        if words.typed is not None and words.typed not in texts:
            yield _missing((*path, "typed"), words.typed, N_("a text: %(known)s"), texts)
        if words.option is not None and words.option not in groups:
            yield _missing((*path, "option"), words.option, N_("a group: %(known)s"), groups)

    # --- how much it is ---

    def _amount(self, draw: Sequence[ElementContent], times: int) -> int:
        """Elements with every repetition; long formulas and paths count as several."""
        total = 0
        for element in draw:
            formulas = sum(self._parts(parsed(formula)) for formula in _plain(element).values())
            own = 1 + (formulas + len(element.path or "")) // _PARTS
            if element.repeat is not None:
                own += self._amount(element.inner, element.repeat.most)
            elif element.each is not None:
                own += self._amount(element.inner, self.most.get(element.each.component, 1))
            elif element.show is not None:
                own += self.shapes.get(element.show.shape, (frozenset(), 0))[1]
            else:
                own += self._amount(element.inner, 1)
            total += own
        return total * times

    def _parts(self, tree: Expression) -> int:
        most = self.most.get(tree.component, 1) if isinstance(tree, Each) else 1
        return 1 + most * sum(self._parts(child) for child in tree.children())


def _components(product: ProductContent) -> Iterator[tuple[ComponentContent, Owner]]:
    """Every component and what it is in, those inside others too."""
    for component in product.components:
        yield component, product
        yield from ((inner, component) for inner in component.components)


def _plain(element: ElementContent) -> Mapping[Path, str]:
    """The formulas of an element itself, by where they stand in it."""
    found: dict[Path, str] = {}
    for key in ("when", "width", "opacity"):
        if (formula := getattr(element, key)) is not None:
            found[(key,)] = formula
    for place, formula in enumerate(element.dash or ()):
        found["dash", place] = formula
    kind = element.kind
    content = getattr(element, kind)
    if kind == "path":
        return found | {("path", place): formula for place, formula in enumerate(holes(content))}
    if kind == "polygon":
        return found | {
            ("polygon", place, side): formula
            for place, point in enumerate(content)
            for side, formula in enumerate(point)
        }
    if kind == "show":
        return found | {("show", "values", name): formula for name, formula in content.values.items()}
    for name in _FORMULAS:
        value = getattr(content, name, None)
        if isinstance(value, str):
            found[kind, name] = value
        elif isinstance(value, tuple):
            found |= {(kind, name, side): formula for side, formula in enumerate(value)}
    return found


_FORMULAS = (
    "x", "y", "width", "height", "radius", "rx", "ry", "start", "end", "size", "number", "room", "towards", "away",
    "times", "move", "turn", "about", "scale",
)  # fmt: skip


def _missing(path: Path, name: str, wanted: str, known: Iterable[str]) -> Finding:
    values = {"name": name, "known": ", ".join(sorted(known)[:8]) or "-"}
    return Finding(path, N_("%(name)s does not exist"), wanted, values)

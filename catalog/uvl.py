"""UVL (Universal Variability Language) into feature models: one text, or a main file and the files that it imports.

Read by the language's published levels: Boolean (group cardinalities), Arithmetic (attributes, aggregates, feature
cardinalities) and Type. What is not supported is named with its line: the order of texts, arithmetic with texts, and
what the language leaves open around imports and feature cardinalities (see `feature_instances`).

An import `parts.wheel as w` is the file parts/wheel.uvl beside the file that says so; without `as` it is called
`parts.wheel`. Its root stands somewhere in the tree as `w.Wheel`; there its tree is put in, its constraints hold, and
its features are called `w.Rim`, from outside and in what is printed. What stands nowhere is read and not put in; what
is imported under two names is there twice. Source: universal-variability-language.github.io/language/submodels, and
`UVLModelFactory` of Universal-Variability-Language/java-fm-metamodel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final, Protocol

from catalog.feature_instances import check_instances, scopes_of, without_too_many
from catalog.feature_kinds import Unknown, Unsupported, check_constraint
from catalog.feature_model import (
    Aggregate,
    Constraint,
    Feature,
    FeatureGroup,
    FeatureModel,
    FeatureType,
    LeftOut,
    Note,
    NotSupported,
    Operation,
    Reference,
    Term,
)
from catalog.uvl_text import MAXIMUM_SIZE, Faults, Import, UvlText, read_text

MAXIMUM_FILES: Final = 1_000  # each counted as often as it is put in
MAXIMUM_IMPORTS: Final = 40  # files within each other


class NoSuchFile(LookupError):
    """There is no such file, or it is not read. The words say why."""


class UvlFiles(Protocol):
    """The files of a folder by their paths in it: `parts/wheel.uvl`."""

    def text(self, path: str) -> str:
        """What the file says; raises NoSuchFile, or UvlSyntaxError if it is no text."""


def read_uvl(text: str, *, lenient: bool = False) -> FeatureModel:
    """The feature model of a UVL text.

    Raises UvlSyntaxError with every fault, or NotSupported with every construct that is not supported: every import is
    one, since there are no other files. If `lenient`, what is not supported, or asks a name that is not there, is left
    out and listed in the model's `left_out`; a feature with a cardinality that is not supported is then there once.
    """
    faults = Faults()
    main = read_text(text, faults)
    faults.raise_()
    assert main is not None
    return _model(_Composed(faults, None), main, lenient=lenient)


def read_uvl_files(files: UvlFiles, main: str, *, lenient: bool = False) -> FeatureModel:
    """The feature model of the file `main` and of what it imports.

    Raises as `read_uvl` does, and NoSuchFile if there is no `main`. An import that is missing, leads out of the folder
    or back to itself is a fault of the line that says so.
    """
    composed = _Composed(Faults(), files)
    text = composed.read(main)
    composed.faults.raise_()
    assert text is not None
    return _model(composed, text, lenient=lenient)


def imports_of(text: str, file: str) -> tuple[str, ...]:
    """The paths of the files that a text imports; none of a text that is no UVL."""
    found = read_text(text, Faults(file))
    paths = () if found is None else (_path(one, file) for one in found.imports)
    return tuple(path for path in paths if path is not None)


def _model(composed: _Composed, main: UvlText, *, lenient: bool) -> FeatureModel:
    composed.add(main)
    composed.faults.raise_()
    namespace = ".".join(main.namespace) or None
    levels = tuple(composed.levels)
    groups = tuple(composed.groups)
    tree = FeatureModel(main.root, composed.features, groups, (), namespace, levels)
    tree, too_many = without_too_many(tree, composed.constraints)
    composed.left_out.extend(too_many)
    scopes = scopes_of(tree)
    kept: list[Constraint] = []
    for constraint in composed.constraints:
        try:
            check_constraint(tree, constraint.term)
            check_instances(tree, scopes, constraint.term)
        except Unsupported as error:
            composed.leave_out(constraint, str(error))
        except Unknown as error:
            if lenient:
                composed.leave_out(constraint, str(error))
            else:
                composed.faults.of(constraint.file).add(constraint.line, str(error))
        else:
            kept.append(constraint)
    composed.faults.raise_()
    left_out = tuple(sorted(composed.left_out, key=lambda one: (one.file, one.line)))
    if left_out and not lenient:
        raise NotSupported(left_out)
    return replace(tree, constraints=tuple(kept), left_out=left_out, notes=tuple(composed.notes))


# --- several files as one -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Composed:
    """One model of a file and all that it imports; `files`: None if there is only a text."""

    faults: Faults
    files: UvlFiles | None
    features: dict[str, Feature] = field(default_factory=dict)
    groups: list[FeatureGroup] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    levels: dict[str, None] = field(default_factory=dict)
    _texts: dict[str, UvlText | None] = field(default_factory=dict)
    _imports: dict[str, dict[str, UvlText]] = field(default_factory=dict)  # by file and alias
    _placed: list[tuple[UvlText, str]] = field(default_factory=list)  # with what its names begin with
    _size: int = 0

    def add(self, main: UvlText) -> None:
        """Put everything together, the constraints last: they may name what is imported."""
        self._follow(main, [main.file])
        self.faults.raise_()
        self._place(main, "", None)
        self.faults.raise_()
        for text, prefix in self._placed:
            names = _Names(text, prefix, self.features)
            self.constraints.extend(replace(one, term=names.placed(one.term)) for one in text.constraints)

    def leave_out(self, constraint: Constraint, construct: str) -> None:
        """Note that a constraint is not supported."""
        self.left_out.append(LeftOut(constraint.line, construct, constraint.text, constraint.file))

    # --- reading ---

    def read(self, path: str) -> UvlText | None:
        """What a file says, read once; None if it has faults. Raises NoSuchFile."""
        if path not in self._texts:
            assert self.files is not None
            text = self.files.text(path)
            self._count(path, len(self._texts), len(text))
            self._texts[path] = read_text(text, self.faults.of(path))
        return self._texts[path]

    def _count(self, file: str, files: int, characters: int) -> None:
        self._size += characters
        if files >= MAXIMUM_FILES or self._size > MAXIMUM_SIZE:
            most = f"{MAXIMUM_FILES:,} files and {MAXIMUM_SIZE:,} characters"
            self.faults.of(file).add(0, f"all that is imported has at most {most}, what is there twice counted twice")
            self.faults.raise_()

    def _follow(self, text: UvlText, begun: list[str]) -> None:
        """Read what the text imports; `begun`: the files on the way to it."""
        found = self._imports.setdefault(text.file, {})
        for one in text.imports:
            faults = self.faults.of(text.file)
            path = _path(one, text.file)
            if path is None:
                faults.add(one.line, f"`{one.text[:80]}` leads out of the folder, or is no name of a file")
            elif self.files is None:
                self.left_out.append(LeftOut(one.line, f"import of {path}, which is not here", one.text))
            elif path in begun:
                circle = " imports ".join([*begun[begun.index(path) :], path])
                faults.add(one.line, f"an import leads back to where it began: {circle}")
            elif len(begun) >= MAXIMUM_IMPORTS:
                faults.add(one.line, f"at most {MAXIMUM_IMPORTS} files import each other in a row")
            else:
                try:
                    below = self.read(path)
                except NoSuchFile as error:
                    faults.add(one.line, str(error))
                    continue
                if below is not None:
                    found[one.alias] = below
                    if path not in self._imports:
                        self._follow(below, [*begun, path])

    # --- putting together ---

    def _place(self, text: UvlText, prefix: str, at: Feature | None, within: int = 1) -> None:
        """Put a text in; `at`: where its root stands in the tree of the text that imports it."""
        self._count(text.file, len(self._placed), text.size)
        if within > MAXIMUM_IMPORTS:
            self.faults.of(text.file).add(0, f"at most {MAXIMUM_IMPORTS} files import each other in a row")
            self.faults.raise_()
        self._placed.append((text, prefix))
        self.levels.update(dict.fromkeys(text.levels))
        self.left_out.extend(text.left_out)
        roots = self._roots(text)
        for name, feature in text.features.items():
            parent = feature.parent
            placed = replace(feature, name=prefix + name, parent=None if parent is None else prefix + parent)
            if at is not None and name == text.root:
                placed = self._merged(placed, at)
            if name in roots:
                alias, below = roots[name]
                self._place(below, f"{prefix}{alias}.", placed, within + 1)
            else:
                self._put(placed)
        for group in text.groups:
            members = tuple(prefix + member for member in group.members)
            self.groups.append(replace(group, parent=prefix + group.parent, members=members))
            if group.parent in roots:
                self.left_out.append(LeftOut(group.line, "group below an imported feature", group.parent, text.file))

    def _put(self, feature: Feature) -> None:
        known = self.features.setdefault(feature.name, feature)
        if known is not feature:
            where = f"{known.file} {known.line}".strip()
            self.faults.of(feature.file).add(feature.line, f"{feature.name} is in line {where} already")

    def _roots(self, text: UvlText) -> dict[str, tuple[str, UvlText]]:
        """The imported texts and their aliases by what their roots are called in the text's tree."""
        imports = self._imports[text.file]
        found = {f"{alias}.{below.root}": (alias, below) for alias, below in imports.items()}
        for one in text.imports:
            if one.alias in imports and f"{one.alias}.{imports[one.alias].root}" not in text.features:
                root = f"{one.alias}.{imports[one.alias].root}"
                self.notes.append(Note(one.line, f"{root} stands nowhere in the tree, so it is not put in.", text.file))
        for alias, below in imports.items():
            root = f"{alias}.{below.root}"
            for name, feature in text.features.items():
                if name.startswith(f"{alias}.") and name not in found:
                    message = f"{name}: of {below.file} only its root {root} can stand in the tree"
                    self.faults.of(text.file).add(feature.line, message)
        return found

    def _merged(self, root: Feature, at: Feature) -> Feature:
        """An imported root as it stands in the tree."""
        if at.attributes or at.type is not FeatureType.BOOLEAN or (at.instances and root.instances):
            what = "type, attribute or second cardinality of an imported feature"
            self.left_out.append(LeftOut(at.line, what, at.name, at.file))
        return replace(root, parent=at.parent, instances=root.instances or at.instances)


def _path(one: Import, file: str) -> str | None:
    """The path of what a file imports; None if it is none within the folder of that file."""
    if any(not part.strip(". ") or any(sign in part for sign in "/\\:\0") for part in one.path):
        return None
    folder = PurePosixPath(file).parent
    return str(folder.joinpath(*one.path[:-1], f"{one.path[-1]}.uvl"))


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that a text's constraints use, as they are called in the whole model."""

    text: UvlText
    prefix: str
    features: Mapping[str, Feature]

    def placed(self, term: Term) -> Term:
        """The term with the names of the whole model."""
        if isinstance(term, Reference):
            return self._reference(term)
        if isinstance(term, Aggregate):
            return self._aggregate(term)
        if isinstance(term, Operation):
            return replace(term, operands=tuple(self.placed(operand) for operand in term.operands))
        return term

    def _reference(self, reference: Reference) -> Reference:
        path, namespace = reference.path, self.text.namespace
        own = namespace and path[: len(namespace)] == namespace and len(path) > len(namespace)
        if own and not self._is_known(path):
            path = path[len(namespace) :]
        return Reference((self.prefix + path[0], *path[1:]))

    def _is_known(self, path: tuple[str, ...]) -> bool:
        return any(self.prefix + ".".join(path[:length]) in self.features for length in range(len(path), 0, -1))

    def _aggregate(self, term: Aggregate) -> Aggregate:
        """`sum` and `avg` in an imported file are over what that file has."""
        if term.function not in ("sum", "avg"):
            return replace(term, references=tuple(self._reference(one) for one in term.references))
        if len(term.references) == 1:
            within = (Reference((self.prefix + self.text.root,)),) if self.prefix else ()
            return replace(term, references=(*term.references, *within))
        known = (self._reference(one) if self._is_known(one.path) else one for one in term.references)
        return replace(term, references=tuple(known))

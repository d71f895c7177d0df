"""A compiled problem as bytes: versioned, checksummed, and read where they lie (from a memory map, without a copy).

Layout: a line with magic, format and the checksum of everything after it; the header's length; the header (JSON); the
arrays, each at a multiple of 64. Numbers are little-endian. Nothing in it is code, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.clausal import Clausal
from solver.configuration.compile import CompiledProblem, Facts
from solver.configuration.diagram import Diagram
from solver.configuration.diagram_sums import Limits, Summed
from solver.configuration.free import Free
from solver.configuration.mixed import Mixed
from solver.configuration.network import Clause, Count, Formula, Network, Sum, Table, Variable
from solver.configuration.parts import Engine, Kind, Part
from solver.configuration.problem import ConfigurationProblem, ExpressionRule, IntegerParameter, Rule, TableRule
from solver.configuration.rules import Expression, print_expression
from solver.configuration.translate import Names, conjuncts

FORMAT: Final = 2  # raise it whenever an engine reads its arrays differently
_MAGIC: Final = b"configurator-compiled"
_ALIGN: Final = 64

Arrays = dict[str, NDArray[Any]]


class NotUsable(ValueError):
    """The bytes are of another format, of another problem, or damaged: compile again."""


def fingerprint(problem: ConfigurationProblem) -> str:
    """SHA-256 of everything in the problem that a compiled form depends on."""
    digest = hashlib.sha256()
    for line in _lines(problem):
        digest.update(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def to_bytes(compiled: CompiledProblem, *, digest: str | None = None) -> bytes:
    """Everything that clicks need; the rules as they were written are stated again when somebody asks why.

    `digest`: the problem's fingerprint, where it is known already.
    """
    arrays: Arrays = {
        "first": compiled.layout.first.astype("<i8"),
        "place": compiled.layout.place.astype("<i4"),
    }
    known = {_key(variable): place for place, variable in enumerate(compiled.names.variables)}
    parts = []
    for part in compiled.parts:
        texts = _put_part(part, known, compiled.problem.constraints, arrays)
        parts.append([str(part.kind), part.start, part.stop, texts])
    directory, blobs = _directory(arrays)
    header = json.dumps(
        {
            "problem": digest or fingerprint(compiled.problem),
            "seed": compiled.seed,
            "facts": asdict(compiled.facts),
            "parts": parts,
            "arrays": directory,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    body = len(header).to_bytes(8, "little") + header
    body += bytes(-len(body) % _ALIGN) + blobs
    return _opening(body) + body


def from_bytes(
    problem: ConfigurationProblem, data: bytes | memoryview, *, digest: str | None = None
) -> CompiledProblem:
    """The compiled problem; its arrays are views of `data`, which must outlive it. Raises NotUsable.

    `digest`: the problem's fingerprint, where it is known already.
    """
    view = memoryview(data)
    start = len(_opening(b""))
    opening, body = bytes(view[:start]), view[start:]
    if not opening.startswith(_MAGIC) or opening.split()[1:2] != [str(FORMAT).encode()]:
        raise NotUsable("It is of another format.")
    if opening != _opening(body):
        raise NotUsable("Its checksum is wrong.")
    size = int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8 : 8 + size]))
    if header["problem"] != (digest or fingerprint(problem)):
        raise NotUsable("It is of another problem.")
    blobs = body[8 + size + (-(8 + size) % _ALIGN) :]
    arrays = {
        name: np.frombuffer(blobs, dtype=dtype, count=int(np.prod(shape)), offset=offset).reshape(shape)
        for name, (dtype, shape, offset) in header["arrays"].items()
    }
    return _restored(problem, header, arrays)


def _restored(problem: ConfigurationProblem, header: Mapping[str, Any], arrays: Arrays) -> CompiledProblem:
    names = Names(problem)
    first = arrays["first"].astype(np.int64)
    for place in range(len(names.variables), len(first) - 1):  # auxiliary ones come after all others
        names.add(Variable(int(first[place + 1] - first[place])))
    seed = int(header["seed"])
    by_part: dict[str, Arrays] = {}
    for name, array in arrays.items():
        owner, _, inner = name.partition("/")
        if inner:
            by_part.setdefault(owner, {})[inner] = array
    numbers = {number.id: number for number in names.numbers}
    parts: list[Part] = []
    for position, (kind, start, stop, texts) in enumerate(header["parts"]):
        own = by_part.get(str(position), {})
        network = _network(own, texts, names.variables, numbers, problem.constraints)
        engine = _engine(Kind(kind), network, own, problem, seed)
        parts.append(Part(position, start, stop, network, Kind(kind), engine))
    return CompiledProblem(problem, names, first, arrays["place"], parts, Facts(**header["facts"]), seed)


def _engine(kind: Kind, network: Network, own: Arrays, problem: ConfigurationProblem, seed: int) -> Engine:
    if kind is Kind.DIAGRAM:
        return Diagram.from_arrays(network, _under(own, "diagram/"))
    if kind is Kind.CLAUSAL:
        return Clausal.from_arrays(network, _under(own, "clausal/"))
    if kind is Kind.MIXED:
        mixed = Mixed(network, problem, seed=seed)
        if summed := _under(own, "summed/"):
            diagram = Diagram.from_arrays(replace(network, sums=()), summed)
            mixed.summed = Summed(diagram, Limits.of(network))
        return mixed
    return Free(network)


def _under(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


# --- networks as arrays ----------------------------------------------------------------------------------------------


def _put_part(
    part: Part, known: Mapping[object, int], rules: Sequence[Rule], arrays: Arrays
) -> dict[str, list[str]]:
    """Add a part's arrays under its number; its texts. Of a diagram no constraint is kept: the diagram says it all.

    A formula is kept as its place in its rule: it is written there, and its names may be none that a parser knows.
    """
    network = part.network
    put = f"{part.position}/"
    arrays[put + "first"] = network.first.astype("<i8")
    arrays[put + "variables"] = np.array([known.get(_key(v), -1) for v in network.variables], dtype="<i4")
    texts = {"numbers": [str(number.id) for number in network.numbers]}
    if isinstance(part.engine, Diagram):
        for name, array in part.engine.arrays().items():
            arrays[f"{put}diagram/{name}"] = array
        return texts
    if isinstance(part.engine, Clausal):
        for name, array in part.engine.arrays().items():
            arrays[f"{put}clausal/{name}"] = array
    if isinstance(part.engine, Mixed) and part.engine.summed is not None:
        for name, array in part.engine.summed.diagram.arrays().items():
            arrays[f"{put}summed/{name}"] = array
    _put_lists(arrays, put + "clauses", [(clause.rule, *clause.literals) for clause in network.clauses])
    _put_lists(arrays, put + "counts", [(c.rule, c.low, c.high, *c.literals) for c in network.counts])
    _put_lists(arrays, put + "sums", [_flat_sum(total) for total in network.sums])
    _put_lists(arrays, put + "tables", [(table.rule, *table.scope) for table in network.tables])
    for place, table in enumerate(network.tables):
        arrays[f"{put}rows{place}"] = table.rows.astype("<i4")
    places = [(f.rule, _conjuncts(rules[f.rule]).index(f.expression)) for f in network.formulas]
    _put_lists(arrays, put + "formulas", places)
    return texts


def _network(
    own: Arrays,
    texts: Mapping[str, Sequence[str]],
    variables: Sequence[Variable],
    numbers: Mapping[Any, IntegerParameter],
    rules: Sequence[Rule],
) -> Network:
    first = own["first"].astype(np.int64)
    sizes = np.diff(first).tolist()
    origins = own["variables"].tolist()
    return Network(
        variables=tuple(
            Variable(size) if origin < 0 else _sized(variables[origin], size)
            for origin, size in zip(origins, sizes, strict=True)
        ),
        first=first,
        numbers=tuple(numbers[number] for number in texts["numbers"]),
        rules=tuple(rule.id for rule in rules),
        clauses=tuple(Clause(row[0], tuple(row[1:])) for row in _lists(own, "clauses")),
        counts=tuple(Count(row[0], tuple(row[3:]), row[1], row[2]) for row in _lists(own, "counts")),
        tables=tuple(
            Table(row[0], tuple(row[1:]), own[f"rows{place}"]) for place, row in enumerate(_lists(own, "tables"))
        ),
        sums=tuple(_sum(row) for row in _lists(own, "sums")),
        formulas=tuple(Formula(rule, _conjuncts(rules[rule])[place]) for rule, place in _lists(own, "formulas")),
    )


def _conjuncts(rule: Rule) -> list[Expression]:
    """What must hold, one by one: a formula is one of these of its rule."""
    if not isinstance(rule, ExpressionRule):
        raise NotUsable("It names a table as a formula.")
    return list(conjuncts(rule.expression))


def _sized(variable: Variable, size: int) -> Variable:
    return variable if variable.size == size else replace(variable, size=size)


def _flat_sum(total: Sum) -> tuple[int, ...]:
    pairs = [*total.literals, *total.numbers]
    return (total.rule, total.low, total.high, len(total.literals), *(end for pair in pairs for end in pair))


def _sum(row: Sequence[int]) -> Sum:
    pairs = list(zip(row[4::2], row[5::2], strict=True))
    return Sum(row[0], tuple(pairs[: row[3]]), tuple(pairs[row[3] :]), row[1], row[2])


def _put_lists(arrays: Arrays, name: str, lists: Sequence[Sequence[int]]) -> None:
    if lists:
        arrays[name] = np.array([number for one in lists for number in one], dtype="<i8")
        arrays[name + "_ends"] = np.cumsum([len(one) for one in lists]).astype("<i8")


def _lists(arrays: Arrays, name: str) -> list[list[int]]:
    if name not in arrays:
        return []
    flat, ends = arrays[name].tolist(), arrays[name + "_ends"].tolist()
    return [flat[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _key(variable: Variable) -> object:
    named = (variable.group, variable.option, variable.parameter)
    return named if any(named) else None


def _directory(arrays: Arrays) -> tuple[dict[str, tuple[str, tuple[int, ...], int]], bytes]:
    directory: dict[str, tuple[str, tuple[int, ...], int]] = {}
    blobs: list[bytes] = []
    size = 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        directory[name] = (array.dtype.newbyteorder("<").str, array.shape, size)
        padding = bytes(-len(raw) % _ALIGN)
        blobs += [raw, padding]
        size += len(raw) + len(padding)
    return directory, b"".join(blobs)


def _opening(body: bytes | memoryview) -> bytes:
    return b"%s %3d %s\n" % (_MAGIC, FORMAT, hashlib.sha256(body).hexdigest().encode())


def _lines(problem: ConfigurationProblem) -> Iterator[Sequence[object]]:
    for group in problem.groups:
        numbers = sorted((name, sorted(values.items())) for name, values in group.numbers.items())
        yield ("group", group.id, group.options, group.minimum, group.maximum, numbers, _text(group.when))
    for p in problem.parameters:
        yield ("parameter", p.id, p.minimum, p.maximum, p.step, _text(p.when), p.otherwise)
    for derived in problem.derived:
        yield ("derived", derived.id, _text(derived.expression))
    for rule in problem.constraints:
        if isinstance(rule, ExpressionRule):
            yield ("rule", rule.id, _text(rule.expression))
        else:
            yield ("table", rule.id, *_table(rule))


def _table(rule: TableRule) -> Iterable[object]:
    return rule.groups, rule.rows, rule.allowed


def _text(expression: Expression | None) -> str:
    return "" if expression is None else print_expression(expression)

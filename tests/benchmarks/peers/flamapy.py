"""flamapy 2.6: its reader, its SAT metamodel and its backbone operation over the clauses and the decisions.

After each decision the backbone says which features every configuration has (core) and which none has (dead). Where
flamapy's reader refuses a file, its SAT metamodel gets our clauses instead. It has no arithmetic and no tables.
"""

from collections.abc import Sequence
from typing import Any

from flamapy.metamodels.fm_metamodel.transformations import FeatureIDEReader, UVLReader
from flamapy.metamodels.pysat_metamodel.models import PySATModel
from flamapy.metamodels.pysat_metamodel.operations import PySATBackbone
from flamapy.metamodels.pysat_metamodel.transformations import FmToPysat

from tests.benchmarks.peers.talk import Question, Refused, serve


class Flamapy:
    """A feature model in flamapy's SAT metamodel."""

    def __init__(self, statement: dict[str, Any]) -> None:
        if any(statement[kind] for kind in ("tables", "sums", "numbers", "formulas")):
            raise Refused("flamapy-sat has no arithmetic and no tables")
        self.note = ""
        self._model, self._ids = self._read(statement)
        choices = statement["choices"]
        self._names = [self._name(literal) for literal, _, _ in choices]

    def answer(self, question: Question) -> tuple[Sequence[int], Sequence[int]]:
        """The backbone of the model's clauses with a clause for each decision."""
        formula = self._model.get_all_clauses()
        clauses = len(formula.clauses)
        for decision in question.fixed:
            self._model.add_clause([self._solver_literal(decision)])
        try:
            backbone = PySATBackbone().execute(self._model).get_result()
        finally:
            del formula.clauses[clauses:]
        core, dead = set(backbone["core"]), set(backbone["dead"])
        can = [3 if name is None else int(name not in dead) for name in self._names]
        cannot = [3 if name is None else int(name not in core) for name in self._names]
        return can, cannot

    def _solver_literal(self, decision: int) -> int:
        found = self._ids[abs(decision) - 1]
        return found if decision > 0 else -found

    def _name(self, literal: int) -> str | None:
        """What the literal is called among the model's features, if it is one."""
        number = self._ids.get(literal)
        return None if number is None else self._model.features.get(number)

    def _read(self, statement: dict[str, Any]) -> tuple[PySATModel, dict[int, int]]:
        """The model, and the solver's number for each literal."""
        path = statement["path"]
        if path is not None:
            try:
                reader = UVLReader(path) if path.lower().endswith(".uvl") else FeatureIDEReader(path)
                model = FmToPysat(reader.transform()).transform()
                ids = {signed - 1: model.variables[name] for name, signed in statement["features"].items()}
            except Exception as error:  # readers end in many ways
                self.note = f"its reader refuses the file ({type(error).__name__}); given our clauses"
            else:
                return model, ids
        return self._fed(statement)

    def _fed(self, statement: dict[str, Any]) -> tuple[PySATModel, dict[int, int]]:
        model = PySATModel()
        ids: dict[int, int] = {}
        number = 0
        for first, size, named in statement["variables"]:
            if size == 2:
                number += 1
                ids[first + 1], ids[first] = number, -number
                mine = [number]
            else:
                mine = list(range(number + 1, number + size + 1))
                ids.update(zip(range(first, first + size), mine, strict=True))
                number += size
                model.add_clause(mine)
                for place, one in enumerate(mine):
                    for other in mine[place + 1 :]:
                        model.add_clause([-one, -other])
            if named:
                model.features.update({one: str(one) for one in mine})
                model.variables.update({str(one): one for one in mine})
            else:
                model.auxiliary_variables.update(mine)
        for clause in statement["clauses"]:
            model.add_clause([ids[abs(one) - 1] if one > 0 else -ids[abs(one) - 1] for one in clause])
        for literals, low, high in statement["counts"]:
            if low > 0 or high != 1:
                raise Refused("flamapy's clauses have no counts")
            for place, one in enumerate(literals):
                for other in literals[place + 1 :]:
                    model.add_clause([-ids[one], -ids[other]])
        return model, ids


if __name__ == "__main__":
    serve(Flamapy)

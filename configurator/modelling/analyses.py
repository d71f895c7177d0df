"""A catalog file, analysed: what its rules leave, what cannot be made or priced, what it changes and what it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC
from functools import cached_property, partial
from typing import Any

from catalog.compare import compare
from catalog.components import written_out
from catalog.file import SECTIONS, Around, CatalogFile
from catalog.load import read_file, surroundings
from catalog.price import PriceListContent
from catalog.price_changes import price_changes
from catalog.problems import Refused
from catalog.products import ProductContent
from catalog.review import review
from catalog.rows import utc_now
from catalog.state import state
from catalog.verify import COMPILING
from configurator import db
from configurator.modelling.effects import Broken, Document, documents, effects
from configurator.modelling.report import (
    Wording,
    analysis_data,
    change_data,
    difference_data,
    listed,
    prices_data,
    problem_data,
    review_data,
)
from configurator.modelling.totals import Priced, totals
from solver.configuration.analyse import Progress, analyse, analyse_void
from solver.configuration.compile import Cancelled, CompiledProblem, VoidProblem, compile_problem
from solver.configuration.problem import InvalidProblem
from solver.configuration.question import OutOfTime

FORMAT = 1
SECONDS = 60.0

Report = dict[str, Any]
Told = Callable[[str, float], None]  # the step, and the share of the whole that is done

_COMPILED = 0.05  # share of the whole at which the product is compiled

# What of the time each step may take; what is left over is not used.
_SHARE = {"analyse": 0.5, "review": 0.2, "compare": 0.15, "documents": 0.1, "prices": 0.05}


def analysed(
    company_id: int,
    text: bytes,
    *,
    seconds: float = SECONDS,
    told: Told = lambda _step, _share: None,
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """The report about a file, as plain data. A file with faults has `refused` and nothing else; nothing is stored.

    Raises Cancelled if it was stopped before the product was compiled.
    """
    told("read", 0.0)
    with db.reading() as session:
        around = surroundings(session, company_id, utc_now().astimezone(UTC).date())
    compile_ = partial(
        compile_problem,
        seconds=COMPILING,
        report=lambda publishing: told("compile", _COMPILED * publishing.done / max(1, publishing.total)),
        stop=stop,
    )
    try:
        file = read_file(text, around, compile_=compile_)
    except Refused as refused:
        void = _void(text)
        problems = [problem_data(problem) for problem in refused.problems]
        return {"format": FORMAT, "refused": problems, "void": void, "sections": [], "products": []}
    codes = [*_touched(file, around)]
    return {
        "format": FORMAT,
        "refused": [],
        "void": None,
        "stopped": stop(),
        "sections": [
            {"section": name, "code": _code_of(file, name)} for name in SECTIONS if getattr(file, name) is not None
        ],
        "products": [
            _Product(company_id, file, around, code, seconds / len(codes), k / len(codes), 1 / len(codes), told, stop)
            .report()
            for k, code in enumerate(codes)
        ],
    }  # fmt: skip


def _code_of(file: CatalogFile, section: str) -> str:
    content = getattr(file, section)
    return str(getattr(content, "code", None) or getattr(content, "product", "factory"))


def _touched(file: CatalogFile, around: Around) -> Iterator[str]:
    """The products that the file says something about; a factory alone concerns them all."""
    named = [
        file.product.code if file.product else None,
        file.prices.product if file.prices else None,
        file.manufacturing.product if file.manufacturing else None,
    ]
    found = dict.fromkeys(code for code in named if code is not None)
    yield from found or (code for code in around.products if code in around.manufacturing)


def _void(text: bytes) -> Report | None:
    """If the file's only fault is that nothing is valid: all the rules that contradict each other."""
    product = _shape(text)
    if product is None:
        return None
    try:
        problem = state(product)
        compile_problem(problem)
    except VoidProblem:
        return analysis_data(analyse_void(problem), Wording(written_out(product)))
    except (InvalidProblem, OutOfTime, ValueError, KeyError):
        return None
    return None


def _shape(text: bytes) -> ProductContent | None:
    """The product of a file, if it has its right shape."""
    from catalog.document import NotReadable, read_document
    from catalog.shape import shaped

    try:
        data = read_document(text).data
    except NotReadable:
        return None
    found = shaped(ProductContent, data["product"]) if isinstance(data, dict) and "product" in data else ()
    return found if isinstance(found, ProductContent) else None


@dataclass
class _Product:
    """One product that the file touches, while it is analysed. `start`, `part`: its place in the whole."""

    company_id: int
    file: CatalogFile
    around: Around
    code: str
    seconds: float
    start: float
    part: float
    told: Told
    stop: Callable[[], bool]

    def report(self) -> Report:
        """Its part of the report."""
        mine = self.file.product is not None and self.file.product.code == self.code
        product = self.file.product if mine else self.around.products[self.code]
        assert product is not None
        words = Wording(written_out(product))
        found: Report = {
            "code": self.code, "name": product.name.canonical(), "analysis": None, "facts": None, "review": None,
            "difference": None, "effects": None, "prices": None,
        }  # fmt: skip
        if mine:
            compiled = self.file.compiled
            assert compiled is not None  # a file that is read has its product compiled
            found["facts"] = asdict(compiled.facts)
            analysis = analyse(
                compiled, seconds=self._seconds("analyse"), report=self._analysing, stop=self.stop
            )
            found["analysis"] = analysis_data(analysis, words)
            found["difference"] = self._difference(compiled, words, analysis.variants)
            found["effects"] = self._effects(compiled, words)
        found["prices"] = self._prices(product, words)
        self._tell("review", 0.7)
        found["review"] = self._review(product, words)
        self._tell("done", 1.0)
        return found

    def _seconds(self, step: str) -> float:
        return self.seconds * _SHARE[step]

    def _tell(self, step: str, share: float) -> None:
        self.told(step, self.start + self.part * share)

    def _analysing(self, progress: Progress) -> None:
        self._tell(str(progress.step), _COMPILED + 0.4 * progress.share)

    def _review(self, product: ProductContent, words: Wording) -> Report:
        published = self.around.prices.get(self.code, ())
        prices = self._own_prices or (published[0] if published else None)
        made = self.file.manufacturing
        own_made = made if made and made.product == self.code else None
        in_force = [one for one in self.around.manufacturing.get(self.code, ()) if one.valid_from <= self.around.today]
        found = review(
            product,
            prices,
            own_made or (in_force[0] if in_force else None),
            self.file.factory or self.around.factory,
            seconds=self._seconds("review"),
            report=lambda done, total: self._tell("review", 0.7 + 0.3 * done / max(1, total)),
            stop=self.stop,
        )
        sections = [name for name in SECTIONS if getattr(self.file, name) is not None]
        return review_data(found, words, self.file.document, sections)

    def _difference(self, compiled: CompiledProblem, words: Wording, counted: Any) -> Report | None:
        self._tell("compare", 0.5)
        before, old = self.around.products.get(self.code), self._compiled_before
        if before is None or old is None or self.stop():
            return None
        found = compare(old, compiled, seconds=self._seconds("compare"), new_count=counted, stop=self.stop)
        return difference_data(found, Wording(written_out(before)), words)

    @property
    def _own_prices(self) -> PriceListContent | None:
        """The prices in the file, if they are this product's."""
        prices = self.file.prices
        return prices if prices is not None and prices.product == self.code else None

    @cached_property
    def _compiled_before(self) -> CompiledProblem | None:
        """What is published until now, compiled; None if nothing is, or that takes too long."""
        before = self.around.products.get(self.code)
        try:
            return None if before is None else compile_problem(state(before), seconds=COMPILING, stop=self.stop)
        except (OutOfTime, VoidProblem, Cancelled):
            return None

    def _prices(self, product: ProductContent, words: Wording) -> Report | None:
        """What is charged otherwise; None if that cannot be said, or nothing could be charged otherwise."""
        published = self.around.prices.get(self.code, ())
        new = self._own_prices or (published[0] if published else None)
        old = next((one for one in published if new is not None and one.code == new.code), None)
        before = self.around.products.get(self.code)
        mine = product is self.file.product
        if new is None or old is None or before is None or self.stop() or not (mine or self._own_prices):
            return None
        self._tell("prices", 0.7)
        changes, compiled = price_changes(old, new), self._compiled_before
        sampled = None
        if compiled is not None and (mine or changes.any):
            with db.reading() as session:
                found = documents(session, self.company_id, self.code)
            after = self.file.compiled if mine else compiled
            assert after is not None  # a file that is read has its product compiled
            sampled = totals(
                Priced(before, compiled, old), Priced(product, after, new), found,
                seconds=self._seconds("prices"), stop=self.stop,
            )  # fmt: skip
        return prices_data(changes, sampled, (old, new), (Wording(written_out(before)), words))

    def _effects(self, compiled: CompiledProblem, words: Wording) -> Report | None:
        self._tell("documents", 0.6)
        before = self.around.products.get(self.code)
        if before is None:
            return None
        with db.reading() as session:
            found = documents(session, self.company_id, self.code)
        seen = effects(
            compiled, found, seconds=self._seconds("documents"), stop=self.stop,
            report=lambda done, total: self._tell("documents", 0.6 + 0.1 * done / max(1, total)),
        )  # fmt: skip
        old = Wording(written_out(before))
        return {
            "seen": seen.seen,
            "unsettled": seen.unsettled,
            "broken": listed(_broken_data(one, old, words) for one in seen.broken),
        }


def _broken_data(broken: Broken, old: Wording, new: Wording) -> Report:
    document: Document = broken.document
    return {
        "kind": str(document.kind),
        "number": document.number,
        "revision": document.revision,
        "created_at": document.created_at.isoformat(),
        "gone": [old.decision(decision) for decision in broken.gone],
        "decisions": [old.decision(decision) for decision in broken.decisions],
        "rules": [new.rule(rule) for rule in broken.rules],
        "changes": [change_data(change.old, change.new, old, new) for change in broken.changes],
    }

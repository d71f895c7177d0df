"""The report of an analysis as lines of text, for a terminal; in English, as every command speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from configurator.modelling.report import problem_from, sentence_from

Data = dict[str, Any]


def lines_of(report: Data, filename: str) -> Iterator[str]:
    """The report, one finding a line."""
    for problem in report["refused"]:
        yield f"{filename}:{problem_from(problem)}"
    if report["void"] is not None:
        yield from _contradictions(report["void"])
    for product in report["products"]:
        yield ""
        yield f"{product['code']}: {product['name']['en']}"
        if product["facts"] is not None:
            yield _facts(product["facts"])
        if product["analysis"] is not None:
            yield from _analysis(product["analysis"])
        if product["review"] is not None:
            yield from _review(product["review"])
        if product["difference"] is not None:
            yield from _difference(product["difference"])
        if product["effects"] is not None:
            yield from _effects(product["effects"])
        if product["prices"] is not None:
            yield from _prices(product["prices"])


def _facts(facts: Data) -> str:
    """What publishing found."""
    parts = ", ".join(f"{number} {kind}" for kind, number in facts["parts"].items())
    return (
        f"  compiled in {facts['seconds']:.1f} s: {facts['variables']} questions, {facts['literals']} answers "
        f"({facts['dead']} impossible, {facts['core']} always so); parts: {parts or 'none'}; "
        f"{facts['nodes']} nodes; {facts['compiled_share']:.0%} of the questions answered at once"
    )


def _ids(rows: Sequence[Data]) -> str:
    return ", ".join(row["id"] for row in rows)


def _because(proof: Data) -> str:
    if proof["rules"]:
        return f"because of {_ids(proof['rules'])}"
    return "by the limits of its own question" if proof["minimal"] else "proved; time did not suffice to name the rules"


def _more(found: Data) -> Iterator[str]:
    if found["total"] > len(found["rows"]):
        yield f"    ... and {found['total'] - len(found['rows'])} more"


def _counted(counted: Data | None) -> str:
    if counted is None:
        return "not counted in the time"
    if counted["exact"] is not None:
        return str(counted["exact"])
    return f"about {counted['low']} to {counted['high']} (estimated, {counted['confidence']:.0%} sure)"


def _contradictions(analysis: Data) -> Iterator[str]:
    for row in analysis["contradictions"]["rows"]:
        about = f" about {_ids(row['options'])}" if row["options"] else ""
        yield f"  contradiction{about}: {_ids(row['rules'])}"


def _analysis(analysis: Data) -> Iterator[str]:
    yield f"  variants: {_counted(analysis['variants'])}"
    yield from _contradictions(analysis)
    for row in analysis["dead"]["rows"]:
        yield f"  dead option {row['option']['id']}, {_because(row['proof'])}"
    yield from _more(analysis["dead"])
    for row in analysis["core"]["rows"]:
        yield f"  core option {row['option']['id']}, {_because(row['proof'])}"
    yield from _more(analysis["core"])
    for row in analysis["numbers"]["rows"]:
        spans = ", ".join(f"{low}..{high}" if low < high else str(low) for low, high, _ in row["valid"])
        yield f"  {row['parameter']['id']} can only be {spans}, not {row['dead']}, {_because(row['proof'])}"
    for row in analysis["redundant"]["rows"]:
        why = "its condition never holds" if row["vacuous"] else "it always holds anyway"
        implied = f", {_because(row['proof'])}" if row["proof"]["rules"] or not row["proof"]["minimal"] else ""
        yield f"  redundant rule {row['rule']['id']}: {why}{implied}"
    yield from _more(analysis["redundant"])
    for row in analysis["unused_rows"]["rows"]:
        yield f"  rows of {row['rule']['id']} that change nothing: {', '.join(map(str, row['rows']))}"
    for row in analysis["only_with"]["rows"]:
        yield f"  {row['option']['id']} only with {row['other']['id']}, {_because(row['proof'])}"
    yield from _more(analysis["only_with"])
    for step, found in analysis["unsettled"].items():
        yield f"  not settled ({step}): {', '.join(found['subjects'])} [{found['total']} in all]"


def _review(review: Data) -> Iterator[str]:
    for row in review["faults"]["rows"]:
        line = f"line {row['line']}, " if row["line"] is not None else ""
        yield f"  {line}{row['field']}: {sentence_from(row['what'])}; expected {sentence_from(row['expected'])}"
        yield f"    in the variant {_ids(row['variant'])}"
    yield from _more(review["faults"])
    for row in review["unused"]["rows"]:
        yield f"  {row['field']}: no variant uses it"
    for row in review["unsettled"]["rows"]:
        yield f"  not settled: {row['field']}"
    if not review["faults"]["total"] and not review["unsettled"]["total"]:
        yield f"  every variant can be priced and made ({review['asked']} questions, all proved)"


def _difference(difference: Data) -> Iterator[str]:
    said = {True: "the same variants (proved)", False: "other variants", None: "no difference found, not all settled"}
    yield f"  compared with the published revision: {said[difference['same']]}"
    yield f"    variants until now: {_counted(difference['old_variants'])}"
    for kind, words in (("gained", "newly possible"), ("lost", "no longer possible")):
        if difference[kind]["rows"]:
            yield f"    {words}: {_ids(difference[kind]['rows'])}"
    for row in difference["only_old"]["rows"]:
        yield f"    no longer: {_ids(row['variant'])}, because of {row['rule']['id']}"
    for row in difference["only_new"]["rows"]:
        yield f"    new: {_ids(row['variant'])}, until now forbidden by {row['rule']['id']}"
    if difference["unsettled"]:
        yield f"    not settled: {', '.join(difference['unsettled'])}"


def _effects(effects: Data) -> Iterator[str]:
    yield f"  {effects['broken']['total']} of {effects['seen']} open quotes and saved configurations would break"
    for row in effects["broken"]["rows"]:
        name = f"quote {row['number'] or '(draft)'}" if row["kind"] == "quote" else f"saved {row['created_at']}"
        changes = ", ".join(
            f"{change['old']['id']} -> {change['new']['id'] if change['new'] else 'open'}" for change in row["changes"]
        )
        yield f"    {name}: {_ids([*row['gone'], *row['decisions']])}; best change: {changes or '-'}"
    yield from _more(effects["broken"])
    if effects["unsettled"]:
        yield f"    not settled: {effects['unsettled']}"


def _prices(prices: Data) -> Iterator[str]:
    """What is charged otherwise, and the totals that change."""
    totals, (old, new) = prices["totals"], prices["currencies"]
    other = prices["changed"]["total"] or prices["tax"] or old != new or prices["bases"][0] != prices["bases"][1]
    yield f"  prices {prices['code']}: {'changed' if other else 'no item is charged otherwise'}"
    if old != new:
        yield f"    currency: {old} -> {new}"
    if prices["bases"][0] != prices["bases"][1]:
        yield f"    amounts are: {prices['bases'][0]} -> {prices['bases'][1]}"
    for row in prices["tax"]:
        yield f"    tax {row['country']}: {row['old'] or 'not served'} -> {row['new'] or 'not served'}"
    for row in prices["changed"]["rows"]:
        yield f"    {row['id']}: {_terms(row['old'], old)} -> {_terms(row['new'], new)}"
    yield from _more(prices["changed"])
    if totals is None:
        return
    yield (
        f"    of {totals['seen']} presets, open quotes and saved configurations (gross, {totals['country']}): "
        f"{totals['other']['total']} change, {totals['same']} stay, {totals['without']} have no price in both, "
        f"{totals['unsettled']} not settled"
    )
    for row in totals["other"]["rows"]:
        name = row["name"]["en"] if row["name"] else row["number"] or row["created_at"]
        percent = "" if row["percent"] is None else f" ({row['percent']:+.1f} %)"
        before, after = (
            f"{minor / 10**exponent:.{exponent}f} {currency}"
            for minor, exponent, currency in zip(
                (row["old"], row["new"]), prices["exponents"], (old, new), strict=True
            )
        )
        yield f"    {row['kind']} {name}: {before} -> {after}{percent}"
    yield from _more(totals["other"])


def _terms(terms: Data | None, currency: str) -> str:
    """What an item charges, on what condition."""
    if terms is None:
        return "nothing"
    option = f" for {terms['option']['id']}" if terms["option"] else ""
    when = f" when {terms['when']}" if terms["when"] else ""
    cost = f", cost {terms['cost']}" if terms["cost"] else ""
    return f"{terms['amount']} {currency}{option}{when}{cost}"

"""The pictures that a modeller keeps for the options of products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import col, select

from catalog.pictures import NotAPicture, names_in, pictures_of, store_picture
from catalog.problems import Sentence
from catalog.products import Product, ProductRevision, RevisionStatus
from configurator import audit, db


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture by its name. `digest`: "" if it is named but not kept; `products`: whose options name it."""

    name: str
    digest: str
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that was not kept, and why."""

    name: str
    what: Sentence
    expected: Sentence


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of files: how many are new, and what is wrong with the others."""

    new: int
    same: int
    faults: tuple[Fault, ...]


def pictures(company_id: int) -> tuple[PictureFacts, ...]:
    """Every picture that is kept or named by a published product, those that are missing first."""
    named: dict[str, list[str]] = {}
    with db.reading() as session:
        kept = pictures_of(session, company_id)
        rows = session.exec(
            select(Product.code, ProductRevision)
            .join(ProductRevision, col(ProductRevision.product_id) == Product.id)
            .where(Product.company_id == company_id, ProductRevision.status == RevisionStatus.PUBLISHED)
            .order_by(col(ProductRevision.number))
        ).all()
        newest = {code: revision.content for code, revision in rows}
    for code, content in newest.items():
        for name in dict.fromkeys(names_in(content)):
            named.setdefault(name, []).append(code)
    found = (PictureFacts(name, kept.get(name, ""), tuple(named.get(name, ()))) for name in kept.keys() | named.keys())
    return tuple(sorted(found, key=lambda one: (bool(one.digest), one.name)))


def keep(company_id: int, files: Iterable[tuple[str, bytes]], *, actor_id: int | None) -> Kept:
    """Keep the files that are pictures, each in the place of its namesake; the others are told and change nothing."""
    new, same, faults = [], 0, []
    with db.writing() as session:
        for name, data in files:
            try:
                if store_picture(session, company_id, name, data):
                    new.append(name)
                else:
                    same += 1
            except NotAPicture as error:
                faults.append(Fault(name[:90], error.what, error.expected))
        if new:
            audit.record(session, company_id, "catalog.pictures", "catalog", None, actor_id=actor_id, names=new)
    return Kept(len(new), same, tuple(faults))

"""Second thoughts that searches have had: places for an order that somebody looks at, with what would move for it.

They are kept for a while, so that the next page and the hold have the same date, whichever process answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256

from sqlalchemy import bindparam, delete
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from catalog.memo import Memo
from catalog.offer import Offer
from catalog.rows import utc_now
from configurator import db
from configurator.planning.models import SecondThought
from configurator.planning.records import placements_from, placements_to_json
from solver.configuration.problem import Variant
from solver.scheduling.book import Promise
from solver.scheduling.problem import Placement

KEPT_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Thought:
    """Where an order would be made in a plant, and where operations of others go for it. `key`: `thought_key`."""

    id: int
    plant_id: int
    key: str
    placements: tuple[Placement, ...]
    moved: tuple[Placement, ...]

    def is_ahead(self, start: int, now: int) -> bool:
        """Whether nothing of the order is before `start`, and nothing moves to before `now`."""
        return all(p.start >= start for p in self.placements) and all(p.start >= now for p in self.moved)


def thought_key(offer: Offer, variant: Variant) -> str:
    """The same for everybody who looks at this variant of these revisions; 64 characters."""
    said = [
        offer.product_revision_id, offer.manufacturing_revision_id,
        sorted((group, sorted(options)) for group, options in variant.chosen.items()),
        sorted(variant.numbers.items()), sorted(variant.texts.items()),
    ]
    return sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def kept_thoughts(company_id: int, keys: Sequence[str]) -> list[Thought]:
    """What was thought of these variants within the last hour."""
    with db.reading() as session:
        asked = {"company": company_id, "keys": list(keys), "since": utc_now() - KEPT_FOR}
        found = session.exec(_kept(), params=asked).all()
        return [
            _read.get(name) or _read.put(name, _thought(session.get_one(SecondThought, name[0]))) for name in found
        ]


@cache
def _kept() -> Select[int | None, datetime]:
    """The thoughts of a `company` under `keys`, after `since`; put together once, for every click asks it."""
    return select(SecondThought.id, SecondThought.created_at).where(
        SecondThought.company_id == bindparam("company"),
        col(SecondThought.key).in_(bindparam("keys", expanding=True)), SecondThought.created_at > bindparam("since"),
    )


def _thought(row: SecondThought) -> Thought:
    return Thought(
        db.id_of(row), row.plant_id, row.key, placements_from(row.placements), placements_from(row.moved)
    )


_read: Memo[Thought] = Memo(256)  # by id and instant: an id may come again


def keep_thought(company_id: int, plant_id: int, key: str, promise: Promise, *, now: datetime | None = None) -> None:
    """Keep what was found, in the place of an earlier thought of the same; what is too old is forgotten."""
    at = now or utc_now()
    with db.writing() as session:
        same = (col(SecondThought.key) == key) & (col(SecondThought.plant_id) == plant_id)
        session.execute(delete(SecondThought).where(
            col(SecondThought.company_id) == company_id, same | (col(SecondThought.created_at) < at - KEPT_FOR)
        ))
        session.add(SecondThought(
            company_id=company_id, plant_id=plant_id, key=key, created_at=at,
            placements=placements_to_json(promise.placements), moved=placements_to_json(promise.moved),
        ))

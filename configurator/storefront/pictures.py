"""Where the pictures of options are served: their addresses by their names, and a product shown by them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from time import monotonic
from weakref import WeakKeyDictionary

from markupsafe import Markup

from catalog.pictures import picture_by_digest, pictures_of
from catalog.products import ProductContent
from configurator import db
from configurator.auth import company_id
from configurator.errors import NotFound
from solver.configuration.problem import GroupId, Variant

FRESH = 5.0  # seconds for which a process believes what it has read
MOST = 6  # pictures that stand for a product together

_known: WeakKeyDictionary[db.Database, dict[int, tuple[float, Mapping[str, str]]]] = WeakKeyDictionary()


def picture_address(name: str | None) -> str:
    """Where the picture of a name is served; "" if it is not kept."""
    digest = _digests(company_id()).get(name) if name else None
    return f"/pictures/{digest}" if digest else ""


def picture(company: int, digest: str) -> tuple[str, bytes]:
    """Media type and content of a picture; raises NotFound."""
    with db.reading() as session:
        found = picture_by_digest(session, company, digest)
    if found is None:
        raise NotFound(field="picture")
    return found


def shown_by_pictures(product: ProductContent, variant: Variant, label: str) -> Markup:
    """The pictures of what a variant has, with its choices as text alternative; empty if there are none."""
    chosen = (
        option.picture for group in product.groups for option in group.options
        if option.picture and option.id in variant.chosen.get(GroupId(group.id), ())
    )
    addresses = [address for name in dict.fromkeys(chosen) if (address := picture_address(name))][:MOST]
    if not addresses:
        return Markup("")
    images = "".join(f'<img src="{escape(one)}" width="160" height="120" alt="">' for one in addresses)
    return Markup(  # noqa: S704 - escaped here
        f'<span class="drawing pictures of-{len(addresses)}" role="img" aria-label="{escape(label)}">{images}</span>'
    )


def _digests(company: int) -> Mapping[str, str]:
    mine = _known.setdefault(db.database(), {})
    read_at, found = mine.get(company, (0.0, {}))
    if monotonic() - read_at > FRESH:
        with db.reading() as session:
            found = pictures_of(session, company)
        mine[company] = (monotonic(), found)
    return found

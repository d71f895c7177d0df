"""What the configuring page loads at first, as the server sends it: quick on a slow line."""

from __future__ import annotations

import gzip
import re

from flask.testing import FlaskClient

from catalog.offer import Offer
from tests.conftest import FAMILIES

MOST = 200_000  # bytes, pictures apart
LOADED = re.compile(r"""(?:href|src)=["'](/static/[^"'#]+)|url\(["']?(/static/[^"')#]+)""")
PACKED = {"Accept-Encoding": "gzip, deflate, br"}


def loaded(client: FlaskClient, path: str) -> dict[str, int]:
    """Address -> bytes as sent, of a page and what it names, styles and their fonts included."""
    waiting, sizes = [path], {}
    while waiting:
        address = waiting.pop()
        answer = client.get(address, headers=PACKED)
        assert answer.status_code == 200, address
        sizes[address] = len(answer.data)
        if answer.mimetype in ("text/html", "text/css"):
            data = gzip.decompress(answer.data) if answer.content_encoding == "gzip" else answer.data
            found = {first or second for first, second in LOADED.findall(data.decode())}
            waiting += [one for one in found if one not in sizes and one not in waiting]
    return sizes


def test_the_configuring_page_of_every_family_is_light(
    client: FlaskClient, bicycle: Offer, wardrobe: Offer, pump_station: Offer
) -> None:
    offers = {offer.product.code for offer in (bicycle, wardrobe, pump_station)}
    assert offers == {file.stem for file in FAMILIES.glob("*.yaml")} - {"factory"}  # all that come with the house
    for product in offers:
        sizes = loaded(client, f"/products/{product}")
        assert len(sizes) >= 7 and [name for name in sizes if "htmx" in name] and [n for n in sizes if "shop.css" in n]
        assert sum(sizes.values()) <= MOST, sizes
        assert max(sizes.values()) < 20_000, sizes  # all of it is packed


def test_an_answer_is_packed_for_those_who_take_it_so_and_only_once(client: FlaskClient, factory: int) -> None:
    for path in ("/products/bicycle", "/static/css/shop.css", "/api/v1/products/bicycle"):
        plain, packed = client.get(path), client.get(path, headers=PACKED)
        assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        if path != "/products/bicycle":  # a page has a token of its own
            assert gzip.decompress(packed.data) == plain.data
    refused = client.get("/static/css/shop.css", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers
    again = client.get("/static/css/shop.css", headers=PACKED | {"If-None-Match": packed_tag(client)})
    assert (again.status_code, again.data) == (304, b"")
    assert client.head("/products/bicycle", headers=PACKED).status_code == 200
    assert "Content-Encoding" not in client.get("/static/img/favicon.svg", headers=PACKED).headers  # too small


def packed_tag(client: FlaskClient) -> str:
    return client.get("/static/css/shop.css", headers=PACKED).headers["ETag"]

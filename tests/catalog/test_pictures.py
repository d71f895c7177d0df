"""Pictures are judged by what they contain, whatever they are called, and kept by their names."""

from __future__ import annotations

import struct

import pytest

from catalog.load import load_catalog
from catalog.pictures import (
    MOST_BYTES,
    NotAPicture,
    beside,
    media_type_of,
    names_in,
    picture_by_digest,
    pictures_of,
    store_picture,
)
from catalog.rows import utc_now
from configurator import db
from tests.catalog.small import DOT, LAMP
from tests.conftest import FAMILIES

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30">{}</svg>'
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 40, 30) + b"\x08\x06\0\0\0"
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08" + struct.pack(">HH", 30, 40) + b"\x03" + b"\0" * 9
WEBP = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x27\0\0" + b"\x1d\0\0"


@pytest.mark.parametrize(("name", "data", "kind"), [
    ("dot.svg", DOT, "image/svg+xml"),
    ("dot.png", PNG, "image/png"),
    ("dot.jpg", JPEG, "image/jpeg"),
    ("dot.jpeg", JPEG, "image/jpeg"),
    ("dot.webp", WEBP, "image/webp"),
    ("use.svg", SVG.format('<defs><path id="a" d="M0 0"/></defs><use href="#a"/>').encode(), "image/svg+xml"),
    ("fill.svg", SVG.format('<rect width="4" height="4" fill="url(#a)"/>').encode(), "image/svg+xml"),
])
def test_a_picture_is_what_its_content_is(name, data, kind):
    assert media_type_of(name, data) == kind


@pytest.mark.parametrize(("name", "data"), [
    ("dot.png", DOT),  # not what it is called
    ("../dot.svg", DOT), ("dot.svg\n", DOT), ("Dot.SVG", DOT), ("a/dot.svg", DOT), ("dot.exe", DOT), ("", DOT),
    ("dot.svg", b""), ("dot.svg", b"GIF89a"), ("dot.png", b"\x89PNG\r\n\x1a\n"), ("dot.jpg", b"\xff\xd8\xff\xd9"),
    ("dot.webp", b"RIFF\0\0\0\0WEBPVP8 "),
    ("big.svg", DOT + b" " * MOST_BYTES),
    ("wide.png", PNG.replace(struct.pack(">II", 40, 30), struct.pack(">II", 40_000, 30))),
    ("empty.png", PNG.replace(struct.pack(">II", 40, 30), struct.pack(">II", 0, 30))),
    ("html.svg", b"<html><svg/></html>"),
    ("unsized.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("bomb.svg", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + DOT),
    ("many.svg", SVG.format("<g/>" * 6000).encode()),
    *((f"active{i}.svg", SVG.format(part).encode()) for i, part in enumerate((
        "<script>alert(1)</script>", "<foreignObject/>", "<style>*{}</style>", '<image href="http://evil.example/x"/>',
        '<rect onload="alert(1)"/>', '<rect style="fill:red"/>', '<use href="http://evil.example/#a"/>',
        '<use xmlns:x="http://www.w3.org/1999/xlink" x:href="data:image/svg+xml,a"/>',
        '<rect fill="url(http://evil.example/)"/>', "<a href='#x'/>", '<animate attributeName="href"/>',
        '<g xmlns="http://www.w3.org/1999/xhtml"/>', '<rect width="javascript:alert(1)"/>',
    ))),
])
def test_anything_else_is_refused_with_what_was_expected(name, data):
    with pytest.raises(NotAPicture) as refused:
        media_type_of(name, data)
    assert str(refused.value.what)
    assert str(refused.value.expected)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_namesake_takes_the_place_of_a_picture_and_the_same_one_is_kept_once(company_id):
    other = DOT.replace(b"#c8443a", b"#000000")
    with db.writing() as session:
        assert store_picture(session, company_id, "dot.svg", DOT)
        assert not store_picture(session, company_id, "dot.svg", DOT)
        before = pictures_of(session, company_id)
        assert store_picture(session, company_id, "dot.svg", other)
        after = pictures_of(session, company_id)
        assert before.keys() == after.keys() == {"dot.svg"}
        assert picture_by_digest(session, company_id, after["dot.svg"]) == ("image/svg+xml", other)
        assert picture_by_digest(session, company_id, before["dot.svg"]) is None
        assert picture_by_digest(session, company_id + 1, after["dot.svg"]) is None


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_product_names_pictures_and_other_pictures_make_no_revision(company_id):
    named = LAMP.replace("{id: red, name: {zh: 红, en: Red}}", "{id: red, name: {zh: 红, en: Red}, picture: red.svg}")
    with db.writing() as session:
        assert load_catalog(session, company_id, named, loaded_at=utc_now()).product.published
        store_picture(session, company_id, "red.svg", DOT)
        assert not load_catalog(session, company_id, named, loaded_at=utc_now()).product.published


def test_the_demo_has_a_good_picture_for_every_one_that_it_names():
    for file in sorted(FAMILIES.glob("*.yaml")):
        found = beside(file)
        assert all(media_type_of(name, data) for name, data in found.items())
        from catalog.document import read_document

        named = set(names_in(read_document(file.read_bytes()).data.get("product") or {}))
        assert named == found.keys(), file.name
    assert {file.name for file in (FAMILIES / "pictures").iterdir()} == beside(FAMILIES / "bicycle.yaml").keys()

"""A file is what it contains: what may be sent, what could act when it is opened, and what a name may do."""

from __future__ import annotations

import struct

import pytest

from catalog.content import Text
from catalog.products import UploadContent
from catalog.uploads import NotTaken, SentFile, kind_accepted, plain_name, sent_file

ASKED = UploadContent(
    id="logo", step="look", name=Text(zh="标志", en="Logo"), kinds=("pdf", "png", "jpeg", "svg"), most_megabytes=1
)
PDF = b"%PDF-1.7\n<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 9, 9) + bytes(13) + b"IEND" + bytes(4)
JPEG = b"\xff\xd8\xff\xc0\0\x11\x08\0\x09\0\x09" + bytes(20)


def svg(inside: str = "", **attributes: str) -> bytes:
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<svg xmlns="http://www.w3.org/2000/svg"{said}>{inside}</svg>'.encode()


@pytest.mark.parametrize(("data", "kind"), [
    (PDF, "pdf"),
    (PNG, "png"),
    (JPEG, "jpeg"),
    (svg("<style>path{fill:url(#g)}</style><text>A</text><a href='#x'/>"), "svg"),
    (b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">' + svg("<g/>"), "svg"),
    (svg("<image href='data:image/png;base64,AA=='/>"), "svg"),
])  # fmt: skip
def test_what_people_send_is_taken(data: bytes, kind: str) -> None:
    assert kind_accepted(ASKED, data) == kind


@pytest.mark.parametrize(("data", "fault"), [
    (b"", "empty"),
    (PDF + bytes(1_000_000), "too_large"),
    (b"MZ\x90\x00", "kind"),
    (b"<html><svg></svg></html>", "kind"),
    (b"GIF89a", "kind"),
    (b"<?xml version='1.0'?><html><svg/></html>", "kind"),
    (PDF[:-7], "damaged"),
    (PNG[:30], "damaged"),
    (JPEG[:5], "damaged"),
    (svg("<g>"), "damaged"),
    (svg("<script>alert(1)</script>"), "active"),
    (svg("<g><SCRIPT/></g>"), "active"),
    (svg("<foreignObject/>"), "active"),
    (svg(onload="alert(1)"), "active"),
    (svg("<a href=' javascript:alert(1)'/>"), "active"),
    (svg("<image href='https://evil.example/x.png'/>"), "active"),
    (svg("<image href='data:text/html;base64,AA=='/>"), "active"),
    (svg("<style>@import 'x.css'</style>"), "active"),
    (svg("<path style='fill:url( //evil.example/x)'/>"), "active"),
    (svg("<set attributeName='href' to='javascript:x'/>"), "active"),
    (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("&a;"), "active"),
])  # fmt: skip
def test_what_is_not_asked_for_or_could_act_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(NotTaken) as refused:
        kind_accepted(ASKED, data)
    assert refused.value.fault == fault


def test_only_the_kinds_that_are_asked_for_are_taken() -> None:
    with pytest.raises(NotTaken) as refused:
        kind_accepted(ASKED.model_copy(update={"kinds": ("pdf",)}), PNG)
    assert (refused.value.fault, refused.value.found) == ("kind", "png")


@pytest.mark.parametrize(("name", "plain"), [
    ("Our logo.PDF", "Our logo.pdf"),
    ("../../etc/passwd", "passwd.pdf"),
    ("C:\\temp\\..\\plan.pdf", "plan.pdf"),
    ("\u202efdp.exe", "fdp.exe.pdf"),  # no sign that turns the reading order
    ("a\r\nb.pdf", "a b.pdf"),
    ("标志.pdf", "标志.pdf"),
    (".pdf", "pdf.pdf"),
    ("..", "file.pdf"),
    ("x" * 300, "x" * 100 + ".pdf"),
])  # fmt: skip
def test_a_name_is_plain_and_says_what_the_file_is(name: str, plain: str) -> None:
    assert plain_name(name, "pdf") == plain


def test_an_answer_names_its_file_and_nothing_else_does() -> None:
    file = SentFile("abcdefghijKLMN_-123456", 2_400_000, "our logo.pdf")
    assert sent_file(file.answer) == file
    assert str(file) == "our logo.pdf (2.4 MB)"
    assert sent_file("DORA 2026") is None

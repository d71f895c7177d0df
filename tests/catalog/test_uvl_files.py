"""A UVL model in several files is one model; what cannot be put together is named by file and line."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from pathlib import Path

import pytest

from catalog.feature_file import read_feature_file
from catalog.feature_model import FeatureModel, NotSupported, UvlSyntaxError
from catalog.feature_problem import problem_of
from catalog.uvl import NoSuchFile, UvlFiles, read_uvl, read_uvl_files
from catalog.uvl_files import Archive, Folder, NotReadable, WhichFile, main_of
from catalog.uvl_print import print_term, print_uvl
from solver.configuration.check import is_valid
from tests.catalog.small_models import configurations, keeps, variant_of

Files = dict[str, str]

# The language's own example of a composed model, one level deeper, and the same model in one file.
SANDWICH: Files = {
    "sandwich.uvl": """\
namespace Lunch
imports
    sauces.Sauces as Sauce
    bread
features
    Sandwich
        mandatory
            bread.Bread
        optional
            Sauce.Type {}
            Cheese
constraints
    Sauce.Ketchup => Lunch.Cheese
    Sauce.hot.Fire.heat > 3 => bread.dark
    sum(heat) < 12
""",
    "sauces/Sauces.uvl": """\
namespace Bottles
imports
    more.hot
features
    Type
        or
            Ketchup {heat 1}
            more.hot.Fire
constraints
    Bottles.Ketchup | more.hot.mild
    sum(heat) < 8
""",
    "sauces/more/hot.uvl": """\
features
    Fire {heat 6}
        optional
            mild {heat 0}
            dark
constraints
    mild => !dark
""",
    "bread.uvl": """\
features
    Bread
        alternative
            white {heat 5}
            dark
""",
}
SANDWICH["sandwich.uvl"] = SANDWICH["sandwich.uvl"].replace("Sauce.hot.", "Sauce.more.hot.").replace(" {}", "")
AS_ONE = """\
features
    Sandwich
        mandatory
            "bread.Bread"
                alternative
                    "bread.white" {heat 5}
                    "bread.dark"
        optional
            "Sauce.Type"
                or
                    "Sauce.Ketchup" {heat 1}
                    "Sauce.more.hot.Fire" {heat 6}
                        optional
                            "Sauce.more.hot.mild" {heat 0}
                            "Sauce.more.hot.dark"
            Cheese
constraints
    "Sauce.Ketchup" => Cheese
    "Sauce.more.hot.Fire".heat > 3 => "bread.dark"
    sum(heat) < 12
    "Sauce.Ketchup" | "Sauce.more.hot.mild"
    sum(heat, "Sauce.Type") < 8
    "Sauce.more.hot.mild" => !"Sauce.more.hot.dark"
"""


def written(folder: Path, files: Files) -> Path:
    """The files in a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def packed(files: Files, *, within: str = "") -> bytes:
    """The files in a zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(within + name, text)
    return data.getvalue()


def read(files: Files, main: str = "main.uvl") -> FeatureModel:
    """The model of a zip of the files."""
    return read_uvl_files(Archive(packed(files)), main)


def test_a_model_in_several_files_is_the_same_as_in_one(tmp_path: Path) -> None:
    model = read_feature_file(written(tmp_path, SANDWICH) / "sandwich.uvl")
    one = read_uvl(AS_ONE)
    assert set(model.features) == set(one.features) and model.root == "Sandwich"
    shapes = [{(g.parent, g.members, g.minimum, g.maximum) for g in each.groups} for each in (model, one)]
    assert shapes[0] == shapes[1]
    said = [[print_term(c.term).replace('"', "") for c in each.constraints] for each in (model, one)]
    assert said[0] == said[1]
    assert [(c.file, c.line) for c in model.constraints] == [
        ("sandwich.uvl", 13), ("sandwich.uvl", 14), ("sandwich.uvl", 15),
        ("sauces/Sauces.uvl", 10), ("sauces/Sauces.uvl", 11), ("sauces/more/hot.uvl", 7),
    ]  # fmt: skip
    # The problem has exactly the configurations of both, also when the composed model is printed and read again.
    stated, again = problem_of(model), problem_of(read_uvl(print_uvl(model)))
    every = list(configurations(stated))
    held = [keeps(one, found) for found in every]
    assert 0 < sum(held) < len(held)
    assert [is_valid(stated.problem, variant_of(stated, found)) for found in every] == held
    assert [is_valid(again.problem, variant_of(again, found)) for found in every] == held


def test_a_folder_and_a_zip_hold_the_same_and_know_their_main_file(tmp_path: Path) -> None:
    written(tmp_path / "models", SANDWICH)
    archive = tmp_path / "models.zip"
    archive.write_bytes(packed(SANDWICH, within="models/"))
    models = [read_feature_file(path) for path in (tmp_path / "models", archive)]
    assert list(models[0].features) == list(models[1].features)
    assert main_of(Archive(archive.read_bytes())) == "models/sandwich.uvl"
    written(tmp_path / "models", {"other.uvl": "features\n    A\n"})
    with pytest.raises(WhichFile, match=r"other\.uvl, sandwich\.uvl"):
        read_feature_file(tmp_path / "models")
    assert list(read_feature_file(tmp_path / "models", "other.uvl").features) == ["A"]


PART = "features\n    P\n        optional\n            Q {weight 3}\n"


def test_what_is_imported_twice_is_there_twice_and_what_stands_nowhere_is_not_there() -> None:
    main = "imports\n  p as a\n  p as b\n  p\nfeatures\n  R\n    optional\n      a.P\n      b.P\n"
    model = read({"main.uvl": main, "p.uvl": PART})
    assert list(model.features) == ["R", "a.P", "a.Q", "b.P", "b.Q"]
    assert [str(note) for note in model.notes] == ["main.uvl:4: p.P stands nowhere in the tree, so it is not put in."]
    assert model.features["b.Q"].parent == "b.P" and model.features["b.P"].parent == "R"


def importing(*lines: str, below: str = "            p.P\n", imports: str = "    p\n") -> str:
    """A main file that imports p.uvl."""
    constraints = "constraints\n" + "".join(f"    {line}\n" for line in lines) if lines else ""
    return f"imports\n{imports}features\n    R\n        optional\n{below}{constraints}"


# The files, and where and with which words they are refused.
REFUSALS: list[tuple[Files, str, int, str]] = [
    ({"main.uvl": importing(imports="    q\n")}, "main.uvl", 2, "there is no file q.uvl"),
    ({"main.uvl": importing(imports='    ".".p\n')}, "main.uvl", 2, "leads out of the folder"),
    ({"main.uvl": importing(imports='    "..".p\n')}, "main.uvl", 2, "leads out of the folder"),
    ({"main.uvl": importing(imports='    "../p"\n')}, "main.uvl", 2, "leads out of the folder"),
    ({"main.uvl": importing(imports='    "/etc/p"\n')}, "main.uvl", 2, "leads out of the folder"),
    ({"main.uvl": importing(imports="    main as p\n")}, "main.uvl", 2, "main.uvl imports main.uvl"),
    ({"main.uvl": importing(), "p.uvl": "imports\n  main\nfeatures\n  P\n"}, "p.uvl", 2, "main.uvl imports p"),
    ({"main.uvl": importing(), "p.uvl": "features\n    P\n        or\n"}, "p.uvl", 3, "has no feature"),
    ({"main.uvl": importing("p.X"), "p.uvl": PART}, "main.uvl", 8, "no feature or attribute p.X"),
    ({"main.uvl": importing("Q"), "p.uvl": PART}, "main.uvl", 8, "no feature or attribute Q"),
    ({"main.uvl": importing(), "p.uvl": PART + "constraints\n    R\n"}, "p.uvl", 6, "no feature or attribute p.R"),
    ({"main.uvl": importing(below="            p.Q\n"), "p.uvl": PART}, "main.uvl", 6, "only its root p.P"),
    ({"main.uvl": importing(below='            p.P\n            "p.Q"\n'), "p.uvl": PART}, "main.uvl", 7, "its root"),
]


@pytest.mark.parametrize(("files", "file", "line", "words"), REFUSALS, ids=[row[3] for row in REFUSALS])
def test_what_cannot_be_put_together_is_named_by_file_and_line(files: Files, file: str, line: int, words: str) -> None:
    with pytest.raises(UvlSyntaxError) as refused:
        read(files)
    faults = refused.value.faults
    assert any((one.file, one.line) == (file, line) and words in one.message for one in faults), faults


def test_what_is_said_of_an_imported_feature_is_not_supported() -> None:
    below = "            p.P {weight 1}\n                optional\n                    S\n"
    with pytest.raises(NotSupported) as refused:
        read({"main.uvl": importing(below=below), "p.uvl": PART})
    assert [(one.file, one.line) for one in refused.value.left_out] == [("main.uvl", 6), ("main.uvl", 7)]


def test_an_imported_feature_may_have_a_cardinality() -> None:
    model = read({"main.uvl": importing(below="            p.P cardinality [1..2]\n"), "p.uvl": PART})
    assert {"p.P[1]", "p.P[2]", "p.Q[1]", "p.Q[2]"} <= set(problem_of(model).model.features)


def test_a_link_that_leads_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "models", {"main.uvl": importing()})
    written(tmp_path, {"secret.uvl": PART})
    (tmp_path / "models" / "p.uvl").symlink_to(tmp_path / "secret.uvl")
    with pytest.raises(UvlSyntaxError, match="leads out of the folder"):
        read_feature_file(tmp_path / "models" / "main.uvl")
    (tmp_path / "models" / "q.uvl").write_text(PART)  # the control: a link within is read
    (tmp_path / "models" / "p.uvl").unlink()
    (tmp_path / "models" / "p.uvl").symlink_to(tmp_path / "models" / "q.uvl")
    assert "p.Q" in read_feature_file(tmp_path / "models" / "main.uvl").features


def _doubling(levels: int) -> Files:
    """Each file imports the next twice, so that the last is there 2 ** levels times."""
    twice = "imports\n  m{0} as a\n  m{0} as b\nfeatures\n  R\n    optional\n      a.R\n      b.R\n"
    files = {f"m{level}.uvl": twice.format(level + 1) for level in range(levels)}
    return {"main.uvl": twice.format(0), **files, f"m{levels}.uvl": "features\n    R\n"}


def _in_a_row(count: int) -> Files:
    link = "imports\n    m{0} as a\nfeatures\n    R\n        optional\n            a.R\n"
    files = {f"m{number}.uvl": link.format(number + 1) for number in range(count)}
    return {"main.uvl": link.format(0), **files, f"m{count}.uvl": "features\n    R\n"}


def _files_of(data: bytes) -> UvlFiles:
    return Archive(data)


def _lying() -> bytes:
    """A zip of 20 MB that says it holds 10 bytes."""
    data = packed({"main.uvl": importing(), "p.uvl": "//" + " " * 20_000_000})
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4) + 24  # the size, in the list at its end
    return data[:at] + struct.pack("<I", 10) + data[at + 4 :]


BOMBS = {
    "doubling": lambda: packed(_doubling(30)),
    "in a row": lambda: packed(_in_a_row(500)),
    "much": lambda: packed({"main.uvl": importing(), "p.uvl": "//" + " " * 40_000_000}),
    "a size that lies": _lying,
    "damaged": lambda: packed({"main.uvl": importing(), "p.uvl": PART}).replace(b"\0\0p.uvl", b"\0\0q.uvl", 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_a_zip_is_refused_at_once(name: str) -> None:
    data = BOMBS[name]()
    read_uvl(PART)  # the grammar is made once a process
    began = time.process_time()
    with pytest.raises(UvlSyntaxError):
        read_uvl_files(_files_of(data), "main.uvl")
    assert time.process_time() - began < 2.0


def test_what_is_no_zip_or_too_large_is_refused_and_a_file_that_is_not_there_is_named() -> None:
    many = packed({f"{number}.uvl": "" for number in range(10_001)})
    for data in (b"PK\x03\x04nothing", packed(SANDWICH)[:-30], b"PK" + b"\0" * 2_000_000, many):
        with pytest.raises(NotReadable):
            Archive(data)
    with pytest.raises(NoSuchFile, match=r"no\.uvl"):
        read(SANDWICH, "no.uvl")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    written(tmp_path, {"main.uvl": importing()})
    (tmp_path / "p.uvl").write_bytes(b"features\n  \xff\n")
    with pytest.raises(UvlSyntaxError, match=r"p\.uvl:2: this is no text in UTF-8"):
        read_uvl_files(Folder(tmp_path), "main.uvl")

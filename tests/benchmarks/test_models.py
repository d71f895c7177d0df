"""The benchmark's models: any file of a known format, and made ones that are the same in every run."""

from itertools import pairwise
from pathlib import Path

import pytest

from catalog.uvl import read_uvl
from tests.benchmarks.models import NotReadable, Source, load, read_tables, sources
from tests.benchmarks.ours import Ours
from tests.benchmarks.synthetic import TREES, Shape, catalogue, tree

SMALL = Shape("small", 5, 120, 90, (3, 5, 1, 4), 6, 4, 12, 10)
TABLES = {
    "variables": [{"name": "engine", "values": ["gas", "diesel"]}, {"name": "gear", "values": ["5", "6", "auto"]}],
    "tables": [{"scope": [0, 1], "tuples": [[0, 0], [1, 2]]}],
}


def test_every_file_of_a_known_format_is_a_model_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "One Name.UVL").write_text("features\n\tA\n")
    (tmp_path / "twice.json").write_text("{}")
    (tmp_path / "twice.xml").write_text("<a/>")
    (tmp_path / "read me.txt").write_text("no model")
    found = sources(tmp_path, tmp_path, ["One*", "twice*"])
    assert [source.name for source in found] == ["One Name", "twice.json", "twice.xml"]
    assert load(found[0]).features.keys() == {"A"}


def test_without_a_folder_there_are_the_models_made_here(tmp_path: Path) -> None:
    names = [source.name for source in sources(tmp_path / "nowhere", tmp_path)]
    assert names[:2] == ["catalogue 1", "catalogue 2"]
    assert {shape.name for shape in TREES} < set(names)


def test_tables_of_allowed_rows_become_a_problem() -> None:
    problem = read_tables(TABLES)
    assert [len(group.options) for group in problem.groups] == [2, 3]
    assert problem.rules[0].rows == (("gas", "5"), ("diesel", "auto"))  # type: ignore[union-attr]


@pytest.mark.parametrize(("text", "reason"), [
    ("[]", "no list of variables"),
    ('{"variables": [{"name": "a"}]}', "variable 0"),
    ('{"variables": [{"name": "a", "values": ["1"]}], "tables": [{"scope": [0], "tuples": [[0, 0]]}]}', "table 0"),
    ('{"variables": [{"name": "a", "values": ["1"]}], "tables": [{"scope": [4], "tuples": []}]}', "table 0"),
    ("{", "Expecting property name"),
])
def test_a_file_that_is_no_model_says_why(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(NotReadable, match=reason):
        load(Source("odd", tmp_path / "odd.json"))


def test_a_made_tree_is_the_same_in_every_run_and_read_as_it_was_meant() -> None:
    text = tree(SMALL)
    assert text == tree(SMALL)
    model = read_uvl(text)
    assert len(model.features) == SMALL.features
    assert len(model.constraints) == SMALL.constraints


def test_the_catalogue_is_as_large_as_its_name_says() -> None:
    problem = catalogue(1)
    assert problem == catalogue(1)
    assert [len(group.options) for group in problem.groups] == [6] * 40
    assert len(problem.rules) == 60 + 2 * 2  # a sum is two rules: at least, at most


def test_a_session_asks_what_is_open_and_is_the_same_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "small.uvl").write_text(tree(SMALL))
    ours = Ours()
    ours.read({"name": "small", "path": str(tmp_path / "small.uvl"), "made": "", "seed": 0}, str(tmp_path))
    ours.publish(20.0)
    one, other = ours.draw(3, 8)["decisions"], ours.draw(3, 8)["decisions"]
    assert one == other
    [steps] = ours.sessions([ours.draw(1, 5)["decisions"], one], 1, 5.0, 5.0)["sessions"]
    assert len(steps) == 8
    for before, step in pairwise(steps):
        assert len(step["fixed"]) == len(before["fixed"]) + 1
        assert all(step["offered"][abs(one) - 1] == "1" for one in step["fixed"] if one > 0)
    for step in steps:
        assert "2" not in step["can"] + step["cannot"]
        assert all(step["can"][k] == "1" or step["cannot"][k] == "1" for k in range(len(step["can"])))
    explained = ours.conflicts(3, 4, 3, 5.0)
    assert len(explained["conflicts"]) == 3
    assert explained["wrong"] == []
    spans = ours.spans(3, 2, 1.0, 2)
    assert spans["wrong"] == 0
    assert spans["exact"] == spans["options"] > 0


def test_what_one_process_stores_another_loads(tmp_path: Path) -> None:
    (tmp_path / "small.uvl").write_text(tree(SMALL))
    source = {"name": "small", "path": str(tmp_path / "small.uvl"), "made": "", "seed": 0}
    ours, theirs = Ours(), Ours()
    ours.read(source, str(tmp_path))
    ours.publish(20.0)
    ours.store(str(tmp_path / "compiled"))
    theirs.read(source, str(tmp_path))
    theirs.load(str(tmp_path / "compiled"))
    decisions = ours.draw(1, 5)["decisions"]
    one, other = (engine.sessions([decisions], 0, 5.0, 5.0)["sessions"] for engine in (ours, theirs))
    assert [step["can"] for step in one[0]] == [step["can"] for step in other[0]]


def test_what_is_more_than_its_file_is_no_peers_to_read(tmp_path: Path) -> None:
    (tmp_path / "shop.uvl").write_text("imports\n  w\nfeatures\n  A\n    optional\n      w.B cardinality [2]\n")
    (tmp_path / "w.uvl").write_text("features\n  B\n")
    found = load(Source("shop", tmp_path / "shop.uvl"))
    assert found.features.keys() == {"A", "w.B", "w.B[1]", "w.B[2]"}
    assert found.notes == ("its instances are written out", "it lies in several files")

"""Units beside a number."""

import pytest

from catalog.content import UnitWords, unit_in

PUMPS = UnitWords(zh="台", en="pumps", one="pump")


@pytest.mark.parametrize(
    ("unit", "language", "number", "said"),
    [
        (PUMPS, "en", 1, "pump"),
        (PUMPS, "en", 2, "pumps"),
        (PUMPS, "en", 0, "pumps"),
        (PUMPS, "en", None, "pumps"),  # beside no number
        (PUMPS, "zh", 1, "台"),  # has no plural
        (UnitWords(zh="块", en="boards"), "en", 1, "boards"),  # a file that does not say
        ("mm", "en", 1, "mm"),
    ],
)
def test_one_has_its_own_word_in_english(unit, language, number, said):
    assert unit_in(unit, language, number) == said


def test_a_unit_without_its_own_word_for_one_keeps_the_hash_of_what_is_published():
    assert UnitWords(zh="块", en="boards").canonical() == {"zh": "块", "en": "boards"}

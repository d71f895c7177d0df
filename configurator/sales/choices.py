"""What was chosen, in words: group by group, as people read it in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.content import Text, amount_in
from catalog.products import ParameterContent, ProductContent
from catalog.uploads import SentFile, files_of
from solver.configuration.problem import GroupId, ParameterId, Variant


@dataclass(frozen=True, slots=True)
class ReadableChoice:
    """One question and its answer. `typed` is what the buyer wrote and is the same in every language.

    `file`: what the buyer sent; `typed` has its name and size.
    """

    id: str
    question: Text
    answers: tuple[Text, ...] = ()
    typed: str = ""
    file: SentFile | None = None

    def question_in(self, language: str) -> str:
        """The question in `zh` or `en`."""
        return str(getattr(self.question, language))

    def answer_in(self, language: str) -> str:
        """The answer in `zh` or `en`."""
        if self.typed:
            return self.typed
        return ("、" if language == "zh" else ", ").join(getattr(answer, language) for answer in self.answers)


def readable_choices(content: ProductContent, variant: Variant) -> tuple[ReadableChoice, ...]:
    """A complete variant in the product's own order: options, numbers with their unit, typed texts, files."""
    return tuple(_choices(content, variant))


def differing(
    old: tuple[ReadableChoice, ...], new: tuple[ReadableChoice, ...], language: str
) -> tuple[tuple[str, str, str], ...]:
    """What two lists of choices answer differently: question, old answer, new answer ("" where it is not asked)."""
    before, after = ({choice.id: choice for choice in choices} for choices in (old, new))
    found = []
    for name in dict.fromkeys([*after, *before]):
        was, becomes = (side[name].answer_in(language) if name in side else "" for side in (before, after))
        if was != becomes:
            found.append(((after.get(name) or before[name]).question_in(language), was, becomes))
    return tuple(found)


def _choices(content: ProductContent, variant: Variant) -> Iterator[ReadableChoice]:
    for group in content.groups:
        chosen = variant.chosen.get(GroupId(group.id), frozenset())
        names = tuple(option.name for option in group.options if option.id in chosen)
        if names:
            yield ReadableChoice(group.id, group.name, names)
    for parameter in content.parameters:
        number = variant.numbers.get(ParameterId(parameter.id))
        if number is None or not _entered(parameter, number):
            continue
        if isinstance(parameter.unit, Text):
            zh, en = (amount_in(number, parameter.unit, language) for language in ("zh", "en"))
            answer = Text.model_construct(zh=zh, en=en)
            yield ReadableChoice(parameter.id, parameter.name, (answer,))
        else:
            yield ReadableChoice(parameter.id, parameter.name, typed=amount_in(number, parameter.unit, "en"))
    for text in content.texts:
        typed = variant.texts.get(text.id, "")
        if typed:
            yield ReadableChoice(text.id, text.name, typed=typed)
    for upload, file in files_of(content, variant):
        yield ReadableChoice(upload.id, upload.name, typed=str(file), file=file)


def _entered(parameter: ParameterContent, number: int) -> bool:
    """Whether the number answers the question: where it is not asked for, the variant has another one."""
    return parameter.when is None or number in range(parameter.minimum, parameter.maximum + 1, parameter.step_size)

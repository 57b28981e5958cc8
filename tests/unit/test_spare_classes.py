"""Emptied classes are filled again by the class statement of a later generation."""

from __future__ import annotations

import functools
import gc
import weakref
from typing import Any, Iterator, Tuple

import pytest

from nuke_ai_panel.utils import spare_classes, survivors
from nuke_ai_panel.utils.spare_classes import PER_NAME, make_class, retire


class Signal:
    """Says its types, as the signals of Qt's bindings do."""

    def __init__(self, types: str = "") -> None:
        self.types = types

    def __str__(self) -> str:
        return f"({self.types})"


class Foreign:
    """Stands for a class of Qt's."""


Made: Any = functools.partial(make_class, signal=Signal)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Classes that other tests made stay as they are."""
    monkeypatch.setattr(spare_classes, "_in_service", weakref.WeakSet())
    before = survivors.take(spare_classes.SPARES)
    yield
    survivors.take(spare_classes.SPARES)
    if before:
        survivors.keep(spare_classes.SPARES, before)


def generation(answer: int, types: str = "int", base: Any = Foreign) -> Tuple[Any, Any]:
    class One(base, metaclass=Made):  # type: ignore[misc]  # made by a function
        """What it is for."""

        told = Signal(types)
        constant = answer

        def value(self) -> int:
            return answer

    class Two(One, metaclass=Made):
        def value(self) -> int:
            return int(super().value()) + 1

    return One, Two


def test_next_generation_but_one_fills_the_same_classes() -> None:
    first = generation(1)
    retire()
    second = generation(2)
    assert second[0] is first[0] and second[1] is first[1]
    assert (second[0]().value(), second[1]().value(), second[0].constant) == (2, 3, 2)
    assert (second[0].__doc__, second[0].__qualname__) == ("What it is for.", "generation.<locals>.One")


def test_two_generations_at_once_have_classes_of_their_own() -> None:
    first = generation(1)
    second = generation(2)
    assert first[0] is not second[0]
    assert (first[1]().value(), second[1]().value()) == (2, 3)


def test_retired_class_holds_nothing_of_ours() -> None:
    one, two = generation(1)
    method = weakref.ref(one.value)
    signal = one.told
    retire()
    gc.collect()
    assert method() is None
    assert one.told is signal
    assert not hasattr(two, "value") and not hasattr(one, "constant")
    assert (one.__module__, one.__doc__) == (survivors.MODULE_NAME, None)
    assert survivors.strangers_only() == []


def test_new_code_may_drop_what_the_old_had() -> None:
    class One(Foreign, metaclass=Made):
        def gone(self) -> None: ...

    first = One
    retire()

    def again() -> Any:
        namespace = {"__module__": __name__, "__qualname__": first.__qualname__}
        return make_class("One", (Foreign,), namespace, signal=Signal)

    assert again() is first and not hasattr(first, "gone")


@pytest.mark.parametrize("types", ["str", ""])
def test_changed_signal_gets_a_class_of_its_own(types: str) -> None:
    first = generation(1)
    retire()
    second = generation(2, types)
    assert second[0] is not first[0] and second[1] is not first[1]
    assert second[1]().value() == 3


def test_changed_base_gets_a_class_of_its_own() -> None:
    class Other(Foreign):
        pass

    first = generation(1)
    retire()
    assert generation(2, base=Other)[0] is not first[0]


def test_spares_do_not_pile_up() -> None:
    for number in range(5):
        generation(number, types=str(number))
        retire()
    assert {len(spares) for spares in survivors.look(spare_classes.SPARES).values()} == {PER_NAME}


def test_descriptors_learn_their_name_again() -> None:
    def filled() -> Any:
        class One(Foreign, metaclass=Made):
            @functools.cached_property
            def once(self) -> int:
                return 7

        return One

    first = filled()
    retire()
    assert filled() is first and first().once == 7

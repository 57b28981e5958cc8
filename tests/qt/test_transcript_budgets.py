"""The transcript's budgets, each allowed twice over, on whichever binding runs. `bench.transcript` prints them."""

from __future__ import annotations

from typing import Any

from bench.transcript import Figure, measure

ROUNDS = 3


def test_every_budget_holds_twice_over(qapp: Any) -> None:
    best: dict[str, Figure] = {}
    for _ in range(ROUNDS):  # the machine may be busy with something else for a while
        for figure in measure(seconds=2.0):
            kept = best.get(figure.name)
            best[figure.name] = figure if kept is None or figure.value < kept.value else kept
        if all(figure.value <= 2 * figure.budget for figure in best.values()):
            break

    over = [figure for figure in best.values() if figure.value > 2 * figure.budget]
    assert over == []

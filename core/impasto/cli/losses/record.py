"""How the losses went, step by step: figures without the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ...painting.step import Step


class Row(NamedTuple):
    """One step: how many were taken with it, its stage from 1, the longest side there, its number in the stage."""

    taken: int
    stage: int
    size: int
    step: int
    seconds: float
    losses: dict[str, float]


class Curves:
    """The figures of every step, without the pictures."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, step: Step) -> None:
        """Keep the figures of `step`."""
        taken = len(self.rows) + 1
        self.rows.append(Row(taken, step.stage + 1, step.size, step.step, step.seconds, dict(step.losses)))

    @property
    def names(self) -> list[str]:
        """Every loss that any stage has; small stages may lack layers, so in the order of the last."""
        names = dict.fromkeys(self.rows[-1].losses) if self.rows else {}
        return list(names | dict.fromkeys(name for row in self.rows for name in row.losses))

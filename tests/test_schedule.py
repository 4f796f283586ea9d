"""Sizes and steps, coarse to fine."""

from __future__ import annotations

import pytest

from impasto.recipe.recipe import Recipe
from impasto.recipe.schedule import COARSEST, Stage, stages


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (16, [16]),
        (128, [128]),
        (180, [180]),
        (190, [95, 190]),
        (512, [128, 256, 512]),
        (768, [96, 192, 384, 768]),
        (2000, [125, 250, 500, 1000, 2000]),
    ],
)
def test_sizes_double_up_to_the_result(size: int, sizes: list[int]) -> None:
    plan = stages(Recipe(init="content", size=size), size, size)
    assert [stage.size for stage in plan] == sizes
    assert COARSEST / 2**0.5 <= plan[0].size <= COARSEST * 2**0.5 or len(plan) == 1


@pytest.mark.parametrize(("shortest", "count"), [(1, 1), (16, 1), (31, 1), (32, 2), (63, 2), (64, 3), (512, 3)])
def test_no_stage_is_narrower_than_sixteen_pixels(shortest: int, count: int) -> None:
    plan = stages(Recipe(init="content", size=512), 512, shortest)
    assert [stage.size for stage in plan] == [128, 256, 512][-count:]
    assert all(shortest * stage.size / 512 >= 16 for stage in plan[:-1])


@pytest.mark.parametrize("scales", [1, 2, 4])
def test_the_recipe_s_number_of_scales(scales: int) -> None:
    plan = stages(Recipe(init="content", size=512, scales=scales), 512, 512)
    assert [stage.size for stage in plan] == [64, 128, 256, 512][-scales:]


@pytest.mark.parametrize("steps", [1, 10, 37])
def test_the_recipe_s_steps_are_those_at_the_last_size(steps: int) -> None:
    taken = [stage.steps for stage in stages(Recipe(init="content", size=2048, steps=steps), 2048, 2048)]
    assert taken[-1] == steps
    assert taken == sorted(taken, reverse=True)
    assert max(taken) <= 2 * steps


def test_small_sizes_get_more_steps_and_cost_less() -> None:
    plan = stages(Recipe(init="content", size=1024), 1024, 1024)
    assert plan[0].steps > plan[-1].steps
    work = [stage.seconds(1.0) for stage in plan]
    assert work == sorted(work)


def test_work_counts_steps_and_pixels() -> None:
    assert Stage(512, 20).seconds(1.0) == 2 * Stage(512, 10).seconds(1.0)
    assert (
        10 < Stage(2048, 10).seconds(1.0) / Stage(512, 10).seconds(1.0) < 16
    )  # sixteen times the pixels, but no more steps


def test_at_no_strength_the_content_stays_at_its_size() -> None:
    assert [stage.size for stage in stages(Recipe(init="content", size=512, strength=0), 512, 512)] == [512]
    assert len(stages(Recipe(size=512, strength=0, init="noise"), 512, 512)) == 3

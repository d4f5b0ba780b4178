"""`scripts/compare_recipes.py`: every recipe can be trained, and finished ones are not again."""

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from facemask_video.config.settings import build, read_toml
from tests.trainers.tiny import SETTINGS, drawn_crops
from trainers.config import TrainConfig
from trainers.evaluate.measurement import Context, mean_measurement
from trainers.evaluate.report import Report

ROOT = Path(__file__).parents[3]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    path = ROOT / "scripts/compare_recipes.py"
    spec = importlib.util.spec_from_file_location("compare_recipes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "compare_recipes", module)
    spec.loader.exec_module(module)
    return module


def _asked(folder: Path, *more: str) -> list[str]:
    drawn_crops(12, seed=1).save(folder / "bare.npz")
    drawn_crops(12, seed=2, name="masked").save(folder / "masked.npz")
    crops = ["--bare", str(folder / "bare.npz"), "--masked", str(folder / "masked.npz")]
    return ["compare_recipes", *crops, "--images", "16", "-o", str(folder / "out"), *more]


def test_every_file_is_a_recipe_that_fit_takes_and_differs_from_the_others(
    script: ModuleType,
) -> None:
    names = {path.stem for path in script.FOLDER.glob("*.toml")} - {"small"}
    assert names == {recipe.name for recipe in script.RECIPES}

    settings = [read_toml(script.FOLDER / f"{name}.toml", TrainConfig) for name in sorted(names)]

    for one in settings:
        build(TrainConfig, one)
        one.pop("name")
    # Those that only say how long, or where from, are told apart by the script.
    assert sum(not one for one in settings) == 2


def test_recipes_see_equal_images_and_go_on_from_the_weights_of_those_before(
    script: ModuleType, tmp_path: Path
) -> None:
    asked = argparse.Namespace(
        bare=None,
        masked=None,
        masked_folders="",
        held_out_names=None,
        images=100,
        output=tmp_path,
    )

    for recipe in script.RECIPES:
        config = script.configured(recipe, asked)
        before = next((r for r in script.RECIPES if r.name == recipe.after), None)
        of_before = script.configured(before, asked).run.images if before else 0
        assert config.run.images + of_before == (50 if recipe.name.startswith("first") else 100)
        if before is not None:
            assert config.start.mask == tmp_path / before.name / "weights/mask-standard.safetensors"
            assert (config.mask, config.unmask) == (
                script.configured(before, asked).mask,
                script.configured(before, asked).unmask,
            )


def test_a_recipe_is_trained_and_evaluated_once(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated = []

    def evaluate(config: object) -> Report:
        evaluated.append(config)
        about = Context("mask/held-out", "2 faces", "", 1)
        return Report(
            (mean_measurement("classed_masked", {"a": 1.0, "b": 0.0}, about, better="higher"),)
        )

    monkeypatch.setattr(script, "evaluate", evaluate)
    monkeypatch.setattr(script, "read_toml", lambda path, config: _tiny(path, config))
    monkeypatch.setattr(sys, "argv", _asked(tmp_path, "--recipe", "first", "--recipe", "cyclegan"))

    assert script.main() == 0
    assert len(evaluated) == 2
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    for name in ("first", "cyclegan"):
        [recipe] = [recipe for recipe in script.RECIPES if recipe.name == name]
        assert f"| {recipe.title} | 50% |" in table

    assert script.main() == 0
    assert len(evaluated) == 2


def _tiny(path: Path, config: type) -> dict[str, object]:
    if config is not TrainConfig:
        return {}
    if path.stem == "small":
        return dict(SETTINGS)
    read = read_toml(path, config)
    # Features of the face detector want larger pictures.
    return read | {"cyclegan.lambda_perceptual": 0.0}

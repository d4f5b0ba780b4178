"""`facemask-train evaluate` from files to report: the same twice, bad input in one line."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from facemask_video.classify.mask_classifier import MaskClassifierNetwork, save_mask_classifier
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.core.faces import Crop, TranslatedCrop
from facemask_video.core.files import sha256_file
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from tests.trainers.evaluate.test_lpips import alexnet_features
from tests.trainers.tiny import drawn_crops
from trainers.cli import main
from trainers.data.crops import CropSet
from trainers.evaluate.compare import compare
from trainers.evaluate.domain_accuracy import load_classifier, measure_domain
from trainers.evaluate.glossary import METRICS
from trainers.evaluate.measurement import Context, Measurement, mean_measurement
from trainers.evaluate.real_or_fake import measure_real_or_fake
from trainers.evaluate.report import Report
from trainers.evaluate.report_html import report_page
from trainers.evaluate.translate_crops import translate_crops

SIZE_PX = 32
CONTEXT = Context("unmask/pairs", "drawn faces", "", 1)
CPU = torch.device("cpu")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with crops, generators and a classifier to which every face is masked."""
    drawn_crops(8, size_px=40, seed=1).save(tmp_path / "bare.npz")
    drawn_crops(8, size_px=40, seed=2, name="masked").save(tmp_path / "masked.npz")
    torch.manual_seed(0)
    spec = GeneratorSpec(ngf=4, n_blocks=1, final_kernel=3)
    for direction in Direction:
        card = WeightsCard(direction=direction, spec=spec, crop_size_px=SIZE_PX)
        save_generator(tmp_path / f"{direction}.safetensors", build_generator(spec), card)
    classifier = MaskClassifierNetwork(2)
    torch.nn.init.constant_(classifier.head.bias, 50.0)
    save_mask_classifier(tmp_path / "mask-classifier.safetensors", classifier, images_seen=0)
    (tmp_path / "evaluate.toml").write_text(
        '[sets]\nbare = "bare.npz"\nmasked = "masked.npz"\nheld_out = 1\ndrawn = 3\n'
        '[weights]\nmask = "mask.safetensors"\nunmask = "unmask.safetensors"\n'
        'classifier = "mask-classifier.safetensors"\n[run]\ndevice = "cpu"\n'
    )
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *(str(each) for each in arguments)])


def line_of(result: Result) -> str:
    assert result.exit_code != 0
    return next(line for line in result.output.splitlines() if line.startswith("Error: "))


def test_running_it_twice_gives_the_same_report(files: Path) -> None:
    texts = []
    for folder in ("one", "two"):
        result = run(files / "evaluate.toml", "-o", files / folder)
        assert result.exit_code == 0, result.output
        texts.append((files / folder / "report.json").read_text())
    assert texts[0] == texts[1]
    figures = json.loads(texts[0])["figures"]
    assert {figure["name"] for figure in figures} <= set(METRICS)
    assert len({(f["group"], f["name"], f["method"]) for f in figures}) == len(figures)
    groups = {figure["group"].partition(", by ")[0] for figure in json.loads(texts[0])["figures"]}
    assert groups == {
        *("mask/held-out", "mask/needless"),
        *("unmask/held-out", "unmask/needless", "unmask/drawn"),
    }
    assert "| psnr_inside_db ↑ |" in result.output

    page = (files / "one/report.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "<svg" in page
    assert "://" not in page

    compared = run("--compare", files / "one/report.json", files / "two/report.json")
    assert compared.exit_code == 0
    assert "same" in compared.output
    assert "worse" not in compared.output


def test_every_figure_says_its_images_features_and_seed(files: Path) -> None:
    run(files / "evaluate.toml", "-o", files / "out")
    report = Report.load(files / "out/report.json")
    for figure in report.measurements:
        assert figure.context.images
        assert figure.context.features
        assert figure.context.seed == 1
        assert figure.n > 1
    assert set(report.files) == {"mask", "unmask", "classifier"}
    assert any(note.startswith("identity: no --embedder") for note in report.notes)


def test_real_or_fake_stands_in_the_reports_with_its_interval(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(measure_real_or_fake, n_epochs=1)
    monkeypatch.setattr("trainers.evaluate.generator_evaluator.measure_real_or_fake", quick)
    for name in ("bare", "masked"):
        drawn_crops(10, size_px=40, seed=len(name), name=name).save(files / f"{name}.npz")
    options = ("--real-or-fake", "--direction", "mask", "--limit", 0)
    result = run(files / "evaluate.toml", "-o", files / "out", *options)
    assert result.exit_code == 0, result.output
    stored = json.loads((files / "out/report.json").read_text())["figures"]
    (figure,) = [each for each in stored if each["name"] == "real_or_fake_accuracy"]
    low, high = figure["interval"]
    assert 0 <= low <= figure["value"] <= high <= 1
    assert low < high
    assert (
        Report.load(files / "out/report.json").to_json() == (files / "out/report.json").read_text()
    )
    assert (
        "told from photographs by a network</a>&nbsp;↓<br>"
        in (files / "out/report.html").read_text()
    )
    assert "| real_or_fake_accuracy ↓ |" in result.output
    names = {each["name"] for each in stored}
    assert {"light_correlation_l", "sharpness_ratio"} <= names


@pytest.mark.parametrize(
    ("failure", "exit_code"), [(KeyboardInterrupt(), 130), (WeightsError("a bad file"), 1)]
)
def test_what_was_measured_before_an_interruption_is_kept(
    files: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, exit_code: int
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise failure

    monkeypatch.setattr("trainers.evaluate.evaluation.draw_mask_pairs", fail)
    result = run(files / "evaluate.toml", "-o", files / "out", "--limit", 3, "-d", "unmask")
    assert result.exit_code == exit_code
    kept = Report.load(files / "out/report.json")
    assert kept.unfinished == "unmask: masks drawn on 3 faces"
    assert set(kept.files) == {"unmask", "classifier"}
    groups = {each.context.group for each in kept.measurements}
    assert {"unmask/held-out", "unmask/needless"} <= groups
    line = "Unfinished: it ends before the step “unmask: masks drawn on 3 faces”."
    assert line in (files / "out/report.html").read_text()
    assert line in result.output
    assert "| psnr_whole_db ↑ |" in result.output
    assert not list((files / "out").glob(".*"))

    monkeypatch.undo()
    options = ("--limit", 3, "-d", "unmask", "--overwrite")
    assert run(files / "evaluate.toml", "-o", files / "out", *options).exit_code == 0
    assert not Report.load(files / "out/report.json").unfinished
    assert "nfinished" not in (files / "out/report.json").read_text()


def test_lpips_stands_in_the_report_where_its_backbone_is_given(files: Path) -> None:
    backbone = alexnet_features(files / "backbone.pth")
    options = ("--lpips", backbone, "--direction", "unmask", "--drawn", 2, "--limit", 3)
    result = run(files / "evaluate.toml", "-o", files / "out", *options)
    assert result.exit_code == 0, result.output
    report = Report.load(files / "out/report.json")
    (figure,) = [
        each for each in report.measurements if (each.name, each.method) == ("lpips_whole", "ours")
    ]
    assert figure.value > 0
    assert figure.context.features.endswith("LPIPS (alex)")
    assert report.files["lpips"] == sha256_file(backbone)
    assert not any(note.startswith("LPIPS") for note in report.notes)


def test_options_win_over_the_file_and_are_shown(files: Path) -> None:
    result = run(files / "evaluate.toml", "--drawn", 2, "--direction", "unmask", "--dry-run")
    shown = json.loads(result.output)
    assert shown["sets"]["drawn"] == 2
    assert shown["weights"]["direction"] == "unmask"


def test_reports_are_not_replaced_unasked(files: Path) -> None:
    (files / "report.json").write_text("{}")
    assert "report.json exists; pass --overwrite" in line_of(run("-o", files))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to evaluate; pass --bare"),
        (("--unmask-weights", "none.safetensors"), "none.safetensors: no such weights file"),
        (("--classifier", "none.safetensors"), "none.safetensors: no such classifier"),
        (("--lpips", "none.pth"), "none.pth: no such backbone of LPIPS"),
        (("--bare", "empty"), "empty: holds no pictures"),
        (("--held-out", 0.0001), "0 of 8 faces are of the split validation"),
        (("--real-or-fake",), "has 8 real images and 8 outputs, expected at least 10"),
        (("--outputs", "empty"), "pass both --sources and --outputs"),
        (("--lfw-pairs", "pairs.txt"), "verification needs --lfw-images and --embedder"),
    ],
)
def test_bad_input_is_one_clear_line(
    files: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(files)
    (files / "empty").mkdir()
    config = ("evaluate.toml",) if arguments else ()
    assert message in line_of(run(*config, *arguments))


def test_damaged_reports_are_one_line(files: Path) -> None:
    (files / "bad.json").write_text('{"format": "other"}')
    assert "format is 'other'" in line_of(run("--compare", files / "bad.json", files / "bad.json"))
    (files / "bad.json").write_text("no JSON")
    assert "not a report" in line_of(run("--compare", files / "bad.json", files / "bad.json"))


class Painter:
    """Paints every crop in one colour under an alpha."""

    crop_size_px = SIZE_PX
    notes = ()

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def translate(self, crops: list[Crop]) -> list[TranslatedCrop]:
        alpha = np.full((SIZE_PX, SIZE_PX), self.alpha, np.float32)
        return [TranslatedCrop(crop, np.full_like(crop.image, 200), alpha) for crop in crops]


def test_outputs_are_blended_as_a_conversion_does() -> None:
    crops = drawn_crops(3, size_px=SIZE_PX)
    kept = translate_crops(crops, Painter(alpha=0.0), batch_size=2)
    assert np.array_equal(kept, crops.images)
    painted = translate_crops(crops, Painter(alpha=1.0), batch_size=2)
    assert np.array_equal(painted[:, 0], crops.images[:, 0])
    assert not np.array_equal(painted[:, 16], crops.images[:, 16])


class Brightness:
    """Takes bright faces for masked ones."""

    def masked_scores(self, images: list[np.ndarray]) -> list[float]:
        return [float(image.mean() > 128) for image in images]


def test_outputs_that_stay_in_their_domain_are_found() -> None:
    dark = np.zeros((4, 8, 8, 3), np.uint8)
    mixed = dark.copy()
    mixed[:1] = 255
    for target, outputs, expected in (
        (Direction.UNMASK, dark, 1.0),
        (Direction.UNMASK, mixed, 0.75),
        (Direction.MASK, mixed, 0.25),
    ):
        figure = measure_domain(
            outputs,
            ("a", "b", "c", "d"),
            target=target,
            classifier=Brightness(),
            context=CONTEXT,
            batch_size=3,
        )
        assert figure.value == expected


def test_a_missing_classifier_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such classifier; train one"):
        load_classifier(tmp_path / "mask-classifier.safetensors", device=CPU)


def report_of(samples: dict[str, float]) -> Report:
    return Report((mean_measurement("ssim", samples, CONTEXT, better="higher"),))


def test_a_small_but_steady_gain_is_told_from_noise() -> None:
    rng = np.random.default_rng(0)
    before = {f"face {i}": float(v) for i, v in enumerate(rng.normal(0.8, 0.1, 40))}
    better = {name: value + 0.01 + rng.normal(0, 0.005) for name, value in before.items()}
    noisy = {name: value + rng.normal(0, 0.05) for name, value in before.items()}
    other = {f"else {name}": value for name, value in better.items()}

    def verdict(samples: dict[str, float]) -> str:
        return compare(report_of(before), report_of(samples))[0].verdict

    assert verdict(before) == "same"
    assert verdict(better) == "better"
    assert verdict(noisy) == "within noise"
    # The same gain on other faces is lost among the faces.
    assert verdict(other) == "within noise"
    assert compare(report_of(better), report_of(before))[0].verdict == "worse"


def test_names_are_escaped_in_the_page() -> None:
    context = Context("<script>alert(1)</script>", "a & b", "", 1)
    measured = [
        Measurement("<b>", value, "lower", 9, context, method)
        for value, method in ((1.0, "ours"), (2.0, "<i>"))
    ]
    page = report_page(Report(tuple(measured), notes=("<u>",)))
    for raw in ("<script>alert", "<b>", "<i>", "<u>", "a & b"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)" in page


def test_figures_without_noise_get_no_verdict() -> None:
    def report(value: float) -> Report:
        return Report((Measurement("fd_onet", value, "lower", 9, CONTEXT),))

    assert compare(report(1.0), report(2.0))[0].verdict == "noise unknown"


def test_reports_without_a_shared_figure_are_refused() -> None:
    with pytest.raises(ConfigError, match="share no measurement"):
        compare(report_of({"a": 1.0, "b": 2.0}), Report(()))


def test_a_folder_of_pictures_without_faces_is_refused(files: Path) -> None:
    (files / "blank").mkdir()
    cv2.imwrite(str(files / "blank/grey.png"), np.full((64, 64, 3), 128, np.uint8))
    (files / "blank/broken.jpg").write_bytes(b"nothing")
    message = line_of(run(files / "evaluate.toml", "--bare", files / "blank"))
    assert "no face found in any of 2 pictures" in message


def test_lists_that_are_not_there_are_named_by_the_command(files: Path) -> None:
    message = line_of(run(files / "evaluate.toml", "--pairs", files / "none.csv"))
    assert "none.csv" in message
    message = line_of(run(files / "evaluate.toml", "--manifests", files))
    assert "holds no NAME/manifest.csv" in message


def test_persons_are_verified_through_the_command(files: Path, shared_data: Path) -> None:
    pytest.importorskip("onnxruntime")
    people = drawn_crops(4, size_px=40, seed=5)
    names = ("lfw/A/A_0001.jpg", "lfw/A/A_0002.jpg", "lfw/B/B_0001.jpg", "lfw/B/B_0002.jpg")
    CropSet(people.images[[0, 0, 1, 1]], people.landmarks[[0, 0, 1, 1]], names).save(
        files / "lfw.npz"
    )
    (files / "pairs.txt").write_text("2\nA 1 2\nB 1 2\nA 1 B 1\nA 2 B 2\n")
    embedder = shared_data / "models/mobilefacenet_112x96.onnx"
    arguments = (
        *("--lfw-pairs", files / "pairs.txt", "--lfw-images", files / "lfw.npz"),
        *("--lfw-limit", 1),
        *("--embedder", embedder, "--mask-weights", files / "mask.safetensors"),
        *("--unmask-weights", files / "unmask.safetensors"),
        *("--classifier", files / "mask-classifier.safetensors", "--device", "cpu"),
    )
    result = run(*arguments, "--fmr", 0.5, "-o", files / "out")
    assert result.exit_code == 0, result.output
    assert "| verification_accuracy_bare_bare ↑ | 1.000" in result.output
    assert "| false_non_match_rate_bare_bare ↓ | 0 (0 to 0.7" in result.output
    assert 'class="curves"' in (files / "out/report.html").read_text()
    few = run(*arguments)
    assert "takes 100,000 comparisons of different persons, the pairs give 2" in few.output
    assert "| false_non_match_rate" not in few.output

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError, CropsError
from facemask_video.core.shipped_weights import SHIPPED
from facemask_video.extract.manifest import write_manifest
from facemask_video.video import VideoReader
from tests.extract.rows import make_row
from tests.trainers.tiny import drawn_crops
from trainers.cli import main
from trainers.data.crops import CropSet
from trainers.data.styles import STYLES
from trainers.evaluate.photo_pairs import read_photo_pairs
from trainers.pairs.config import PairsConfig
from trainers.pairs.make_pairs import make_pairs
from trainers.pairs.manifest import MANIFEST, OPTIONS, PairRow, read_pair_rows

SAMPLES = Path(__file__).parents[3] / "samples"
SIZE_PX = 48


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["pairs", *(str(argument) for argument in arguments)])


def _config(**options: Any) -> PairsConfig:
    return PairsConfig(**{"classifier": "off", **options})


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Six drawn faces in a file."""
    path = tmp_path / "faces" / "bare.npz"
    drawn_crops(6, size_px=SIZE_PX).save(path)
    return path


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with a bare face, a masked one, noise, a file that is no picture and a note."""
    folder = tmp_path / "photographs"
    (folder / "ann").mkdir(parents=True)
    for name, clip in (("ann/1.png", "astronaut.mp4"), ("masked.png", "astronaut_masked.mp4")):
        with VideoReader(SAMPLES / clip) as reader:
            image, _ = next(iter(reader)).thumbnail(640)
        cv2.imwrite(str(folder / name), image[..., ::-1])
    noise = np.random.default_rng(0).integers(0, 255, (120, 120, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "noise.png"), noise)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    (folder / "notes.txt").write_text("no picture")
    return folder


def _check_pair(out: Path, row: PairRow) -> None:
    bare, masked, segmentation = (_read(out / file) for file in row.files)
    assert bare.shape == masked.shape == (row.size_px, row.size_px, 3)
    assert segmentation.shape == bare.shape[:2]
    assert 0.1 < (segmentation > 127).mean() < 0.5
    x, y = np.mean(row.landmarks[3:], axis=0).round().astype(int)
    assert segmentation[y, x] == 255
    # The eyes are those of the bare picture.
    above = slice(0, int(min(y for _, y in row.landmarks[:2])))
    assert np.array_equal(masked[above], bare[above])


def test_pictures_become_pairs_and_what_is_left_out_is_told_with_exit_code_3(
    photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    result = _run(photographs, "-o", out, "--per-image", 2, "--size", 128)

    assert result.exit_code == 3, result.output
    assert "2 pairs of 1 faces, 1 of them new" in result.output
    assert "3 left out" in result.output
    assert sorted((out / "skipped.txt").read_text().splitlines()) == [
        "broken.jpg\tunreadable",
        "masked.png\tmasked already",
        "noise.png\tno face found",
    ]
    rows = read_pair_rows(out / MANIFEST)
    assert [row.masked for row in rows] == ["masked/ann/1-0.png", "masked/ann/1-1.png"]
    assert {row.bare for row in rows} == {"bare/ann/1.png"}
    assert rows[0].style != rows[1].style
    for row in rows:
        assert row.look is not None
        assert row.name == "ann/1.png"
        _check_pair(out, row)
    with (out / "pairs.csv").open(newline="") as file:
        assert [(row["unmasked"], row["masked"]) for row in csv.DictReader(file)] == [
            (row.bare, row.masked) for row in rows
        ]
    pairs = read_photo_pairs(
        out / "pairs.csv", device=torch.device("cpu"), segmentations=out / "segmentation", limit=0
    )
    assert len(pairs) == 2
    (photographs / "broken.jpg").unlink()
    assert _run(photographs, "-o", out, "--per-image", 2, "--size", 128).exit_code == 0


def test_a_generator_puts_its_mask_on(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    result = _run(photographs, "-o", out, "--with", "generator", "--classifier", "off")

    assert result.exit_code == 3, result.output
    rows = read_pair_rows(out / MANIFEST)
    assert [(row.name, row.style, row.look) for row in rows] == [
        ("ann/1.png", "surgical", None),
        ("masked.png", "surgical", None),
    ]
    assert rows[0].size_px == 256
    _check_pair(out, rows[0])
    assert len(json.loads((out / "pairs.json").read_text())["weights_sha256"]) == 64


def test_a_generator_puts_on_masks_of_the_styles_named(crops: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = _config(maker="generator", styles="black,ffp2", per_image=4, classifier="off")

    make_pairs(crops, out, config)

    rows = read_pair_rows(out / MANIFEST)
    assert {row.style for row in rows} == {"black", "ffp2"}
    for row in rows[:2]:
        _check_pair(out, row)
    of_first = [row for row in rows if row.name == rows[0].name]
    pictures = {(out / row.masked).read_bytes() for row in of_first}
    assert len(pictures) == len(of_first) == 4


@pytest.mark.parametrize(
    "options", [{"styles": "black"}, {"per_image": 2}], ids=["styles", "per-image"]
)
def test_a_generator_of_one_mask_cannot_put_on_others(
    crops: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    weights = SHIPPED / "mask-lite.safetensors"

    with pytest.raises(ConfigError, match="knows one mask"):
        make_pairs(crops, tmp_path / "out", _config(maker="generator", weights=weights, **options))


def test_the_same_pairs_come_out_of_several_processes_and_of_an_interrupted_run(
    crops: Path, tmp_path: Path
) -> None:
    whole, spread, resumed = (tmp_path / name for name in ("whole", "spread", "resumed"))
    make_pairs(crops, whole, _config(per_image=2))
    expected = _tree(whole)
    assert len(expected) == 6 + 12 + 12 + 3

    make_pairs(crops, spread, _config(per_image=2, jobs=2))
    assert _tree(spread) == expected

    # Cut down in the middle of the third face: half a line, a picture missing, no list yet.
    shutil.copytree(whole, resumed)
    lines = (resumed / MANIFEST).read_text().splitlines(keepends=True)
    (resumed / MANIFEST).write_text("".join(lines[:5]) + lines[5][:40])
    (resumed / "pairs.csv").unlink()
    rows = read_pair_rows(whole / MANIFEST)
    (resumed / rows[2].masked).unlink()
    for row in rows[6:]:
        (resumed / row.segmentation).unlink()
    # As an earlier version called what it wrote.
    _rename(resumed / MANIFEST, {'"segmentation":': '"outline":', '"wearing":': '"worn":'})
    _rename(resumed / OPTIONS, {'"wearing":': '"worn":', '"classifier":': '"gate":'})
    outcome = make_pairs(crops, resumed, _config(per_image=2))
    assert (outcome.n_faces, outcome.n_new) == (6, 5)
    _rename(resumed / OPTIONS, {'"worn":': '"wearing":', '"gate":': '"classifier":'})
    assert _tree(resumed) == expected


def _rename(path: Path, names: dict[str, str]) -> None:
    text = path.read_text()
    for present, former in names.items():
        assert present in text
        text = text.replace(present, former)
    path.write_text(text)


def test_a_face_keeps_its_mask_in_another_set_and_another_seed_gives_another(
    crops: Path, tmp_path: Path
) -> None:
    some = tmp_path / "some.npz"
    CropSet.load(crops).take(np.arange(6) >= 4).save(some)
    for name, place, seed in (("all", crops, 1), ("some", some, 1), ("other", some, 2)):
        make_pairs(place, tmp_path / name, _config(seed=seed))

    every, few, other = (
        {row.name: row for row in read_pair_rows(tmp_path / name / MANIFEST)}
        for name in ("all", "some", "other")
    )
    assert set(few) == {"bare/004.png", "bare/005.png"}
    for name, row in few.items():
        assert row == every[name]
        assert row.look != other[name].look


def test_styles_are_taken_in_turn_and_worn_as_asked(crops: Path, tmp_path: Path) -> None:
    config = _config(styles="ffp2, black,cloth", per_image=4, wearing="wrong")

    rows = make_pairs(crops, tmp_path / "out", config).rows

    assert {row.style for row in rows} == {"ffp2", "black", "cloth"}
    for face in range(6):
        assert len({row.style for row in rows[4 * face : 4 * face + 3]}) == 3
    assert {row.wearing for row in rows} == {"under-nose", "under-mouth"}


def test_nothing_is_written_outside_the_folder_whatever_faces_are_called(tmp_path: Path) -> None:
    names = (
        "../../evil.png", "/abs/olute.png", "..", "a/../../b.png", "C:\\x\\y.png", "same.png",
        "same.jpg", "SAME.png", "\udcff\n.png", "deep/" * 60 + "x" * 300 + ".png", "", "masked/0",
    )  # fmt: skip
    crops = drawn_crops(len(names), size_px=32)
    place = tmp_path / "deep" / "er" / "bare.npz"
    CropSet(crops.images, crops.landmarks, names[:8] + names[9:] + ("last",)).save(place)
    out = place.parent / "out"
    before = set(tmp_path.rglob("*"))

    outcome = make_pairs(place, out, _config())

    assert outcome.n_faces == len(names)
    assert len({row.bare.casefold() for row in outcome.rows}) == len(names)
    made = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(out) for path in made)


def test_an_extraction_gives_its_kept_bare_crops_and_their_split(tmp_path: Path) -> None:
    folder = tmp_path / "A"
    drawn = drawn_crops(4, size_px=SIZE_PX)
    rows = [
        make_row(0, split="val", size_px=SIZE_PX),
        make_row(1, domain="masked", size_px=SIZE_PX),
        make_row(2, rejected=("blur",), size_px=SIZE_PX),
        make_row(3, size_px=SIZE_PX, file=None),
    ]
    points = tuple((float(x), float(y)) for x, y in drawn.landmarks[0] * SIZE_PX)
    rows = [replace(row, crop_landmarks=points) for row in rows]
    (folder / "crops" / rows[0].source_id).mkdir(parents=True)
    cv2.imwrite(str(folder / str(rows[0].file)), drawn.images[0])
    write_manifest(folder, rows)

    outcome = make_pairs(folder, tmp_path / "out", _config())

    [row] = outcome.rows
    assert (row.name, row.split, row.size_px) == (rows[0].crop, "val", SIZE_PX)
    assert np.allclose(row.landmarks, points, atol=0.01)
    assert (outcome.n_unreadable, len(outcome.skipped)) == (1, 2)
    assert np.array_equal(_read(tmp_path / "out" / row.bare), drawn.images[0])


def test_a_folder_of_something_else_or_of_other_options_is_refused(
    crops: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make_pairs(crops, out, _config(seed=1))

    with pytest.raises(CropsError, match="was made with seed 1, now 2 is asked for"):
        make_pairs(crops, out, _config(seed=2))
    with pytest.raises(CropsError, match="is not empty and no set of pairs"):
        make_pairs(crops, crops.parent, _config())
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"")
    with pytest.raises(CropsError, match=r"no pair could be made of 1 pictures \(unreadable\)"):
        make_pairs(tmp_path / "bad", tmp_path / "none", _config())


def test_weights_that_are_not_there_are_told_before_anything_is_made(
    crops: Path, tmp_path: Path
) -> None:
    result = _run(
        crops, "-o", tmp_path / "out", "--with", "generator", "--weights", "none", "--jobs", 2
    )

    assert result.exit_code == 1
    assert "none: " in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"styles": "surgical,velvet"}, "--styles: got 'velvet', expected names out of surgical"),
        ({"weights": Path("x")}, "--weights: drawn masks need none"),
        (
            {"maker": "generator", "wearing": "wrong"},
            "--wearing wrong: a generator puts masks on right",
        ),
    ],
)
def test_options_without_effect_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        PairsConfig(**options)

    assert message in str(raised.value)


def test_help_names_every_style() -> None:
    result = _run("--help")

    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert ", ".join(STYLES) in text

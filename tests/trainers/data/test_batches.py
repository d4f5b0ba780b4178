from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facemask_video.align.crop import frame_to_crop
from tests.trainers.tiny import drawn_crops, drawn_training_crops, in_tracks, tiny_config
from trainers.config import AugmentationConfig, DataConfig
from trainers.data.augment import degrade, truncate, vary
from trainers.data.batches import batches
from trainers.data.crops import CropSet
from trainers.data.garments import draw_garment
from trainers.data.masks import draw_mask
from trainers.data.samples import TrainingSamples
from trainers.fit.build import build_samples

BARE, MASKED = drawn_crops(8, seed=1), drawn_crops(6, seed=2)
STILL = AugmentationConfig(flip=False, turn_deg=0, scale=0, shift=0, color=0, degradation=0)


def _samples(
    *,
    bare: CropSet = BARE,
    masked: CropSet = MASKED,
    size_px: int = 32,
    seed: int = 3,
    first: int = 0,
    count: int = 12,
    augmentation: AugmentationConfig | None = None,
    wanted: dict[str, bool] | None = None,
    **data: Any,
) -> TrainingSamples:
    return TrainingSamples(
        bare,
        masked,
        DataConfig(crop_size_px=size_px, seed=seed, **data),
        augmentation or AugmentationConfig(),
        first=first,
        count=count,
        **(wanted or {}),
    )


def test_a_sample_is_a_function_of_seed_and_number() -> None:
    for name, plane in _samples()[5].items():
        assert np.array_equal(plane, _samples()[5][name]), name
    assert not np.array_equal(_samples()[5]["bare"], _samples(seed=4)[5]["bare"])
    assert not np.array_equal(_samples()[5]["bare"], _samples()[6]["bare"])


def test_samples_from_a_later_number_go_on_where_the_first_ones_would_have() -> None:
    for offset in range(4):
        late, early = _samples(first=7)[offset], _samples()[7 + offset]
        assert all(np.array_equal(late[name], early[name]) for name in early)


def test_batches_lie_in_memory_with_their_channels_last() -> None:
    for batch in batches(_samples(), batch_size=4, n_workers=0):
        for pictures in (batch.masked, batch.target, batch.real_masked, batch.masked_alpha):
            assert pictures.is_contiguous(memory_format=torch.channels_last)


def test_samples_for_unmask_alone_are_the_same_without_the_mask_to_put_on() -> None:
    usual = _samples()
    spared = _samples(wanted={"draws_for_mask": False})

    for number in range(6):
        assert not np.array_equal(usual[number]["surgical"], usual[number]["bare"])
        assert np.array_equal(spared[number]["surgical"], spared[number]["bare"])
        assert spared[number]["surgical_alpha"].max() == 0
        for name in ("bare", "masked", "masked_alpha", "target", "real_masked"):
            assert np.array_equal(spared[number][name], usual[number][name]), name


def test_a_bowed_head_is_cut_by_its_own_landmarks_which_go_along() -> None:
    crops = drawn_crops(1, size_px=128)
    picture = np.zeros((128, 128, 3), np.uint8)
    for x, y in np.floor(crops.landmarks_px[0]).astype(int):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    bowed = replace(STILL, pitch_deg=30)
    noses = []
    for seed in range(6):
        moved, points = vary(picture, crops.landmarks[0], 128, bowed, np.random.default_rng(seed))
        for x, y in points:
            assert moved[int(y), int(x)].min() > 0.9
        assert np.abs(frame_to_crop(points, 128) - np.eye(2, 3)).max() < 0.7
        eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
        noses.append((points[2, 1] - eyes[1]) / (mouth[1] - eyes[1]))
    # The nose comes down on the lip of a bowed head, and goes up to the eyes of a raised one.
    assert min(noses) < 0.4 < 0.6 < max(noses)


def test_a_head_turned_further_hides_its_far_side_and_its_landmarks_go_along() -> None:
    crops = drawn_crops(1, size_px=128)
    landmarks = crops.landmarks[0].copy()
    landmarks[2, 0] += 0.05  # the nose of a head that is turned to the picture's right
    picture = np.full((128, 128, 3), 60, np.uint8)
    for x, y in np.floor(landmarks * 128).astype(int):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    profiles = replace(STILL, profiles=1.0)
    offsets = []
    for seed in range(8):
        moved, points = vary(picture, landmarks, 128, profiles, np.random.default_rng(seed))
        eyes = points[:2].mean(axis=0)
        offsets.append((points[2, 0] - eyes[0]) / np.hypot(*(points[1] - points[0])))
        # The near side's marks are seen where its landmarks say; the far ones may be hidden.
        for x, y in points[[0, 3]]:
            assert moved[int(y), int(x)].min() > 0.7
        assert np.abs(frame_to_crop(points, 128) - np.eye(2, 3)).max() < 0.7
    before = 0.05 / np.hypot(*(landmarks[1] - landmarks[0]))
    assert min(offsets) >= before - 0.02
    assert max(offsets) > before + 0.2


def test_a_real_mask_with_its_segmentation_is_not_turned() -> None:
    crops = drawn_crops(1, size_px=64)
    labelled = np.dstack([crops.images[0], np.zeros((64, 64), np.uint8)])
    rng = [np.random.default_rng(3) for _ in range(2)]
    usual, _ = vary(labelled, crops.landmarks[0], 64, STILL, rng[0])
    asked, _ = vary(labelled, crops.landmarks[0], 64, replace(STILL, profiles=1.0), rng[1])

    assert np.abs(usual - asked).max() < 0.02


def test_what_passes_before_a_face_is_kept_by_both_directions() -> None:
    everywhere = {"size_px": 64, "undrawn": 0.0}
    usual = _samples(augmentation=STILL, **everywhere)
    passing = _samples(augmentation=replace(STILL, occluders=1.0), **everywhere)
    hidden_share = {"masked": 0.0, "surgical": 0.0}
    for number in range(6):
        free, occluded = usual[number], passing[number]
        assert np.abs(occluded["target"] - free["target"]).max() > 0.1
        for name, bare in (("masked", "target"), ("surgical", "bare")):
            before, after = free[f"{name}_alpha"], occluded[f"{name}_alpha"]
            assert (after <= before + 1e-6).all(), name
            hidden = (before > 0.99) & (after < 0.01)
            hidden_share[name] += hidden.mean()
            # Where a mask is hidden whole, its picture and the bare one show the same thing.
            difference = np.abs(occluded[name] - occluded[bare]).max(0, keepdims=True)
            assert difference[hidden].max(initial=0) < 0.05, name
    assert min(hidden_share.values()) > 0.05


def test_uneven_light_is_smooth_and_a_cast_is_even() -> None:
    crops, rng = drawn_crops(1, size_px=64), np.random.default_rng(1)
    grey = np.full((64, 64, 3), 120, np.uint8)
    lit, _ = vary(grey, crops.landmarks[0], 64, replace(STILL, light=0.4), rng)
    cast, _ = vary(grey, crops.landmarks[0], 64, replace(STILL, cast=0.3), rng)

    assert np.ptp(lit) > 0.1
    assert np.ptp(lit, axis=2).max() < 1e-5  # of no colour
    assert np.abs(np.diff(lit, axis=0)).max() < 0.03
    assert np.ptp(cast[..., 0]) < 1e-5
    assert np.ptp(cast[0, 0]) > 0.03


def test_a_garment_lies_below_the_mouth_in_the_cloth_of_the_mask() -> None:
    crops = drawn_crops(1, size_px=96)
    face, points = crops.images[0].astype(np.float32) / 255, crops.landmarks_px[0]
    mouth = points[:2, 1].mean() + 1.5 * (points[1, 0] - points[0, 0])
    dressed = [
        draw_garment(face, points, (0.2, 0.3, 0.9), np.random.default_rng(seed))
        for seed in range(4)
    ]
    for picture in dressed:
        changed = np.abs(picture - face).max(axis=2) > 0.02
        assert changed.any()
        assert not changed[: int(mouth), 36:60].any()
        hue = picture[changed] / picture[changed].sum(axis=1, keepdims=True)
        assert np.median(hue, axis=0) == pytest.approx(np.array([0.2, 0.3, 0.9]) / 1.4, abs=0.08)
    assert not np.array_equal(dressed[0], dressed[1])


def test_masks_are_drawn_on_faces_in_their_garments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def drawn(image: NDArray[np.float32], *rest: Any, **choices: Any) -> Any:
        seen.append(image)
        return draw_mask(image, *rest, **choices)

    monkeypatch.setattr("trainers.data.samples.draw_mask", drawn)
    plain, dressed = (
        _samples(augmentation=STILL, undrawn=0.0, wanted={"draws_for_mask": False}, garments=share)
        for share in (0.0, 1.0)
    )
    for number in range(12):
        seen.clear()
        before, after = plain[number]["bare"], dressed[number]
        assert np.array_equal(after["bare"], after["target"])
        assert not np.array_equal(after["bare"], before)
        assert np.allclose(seen[-1].transpose(2, 0, 1) * 2 - 1, after["bare"])


def test_loose_masks_are_drawn_on_turned_heads_where_asked_for() -> None:
    crops = drawn_training_crops()
    crops.bare.landmarks[:, 2, 0] += 0.1
    usual, loose = (
        build_samples(tiny_config(data__wearing_loose=share), crops.bare, crops.masked, first=0)
        for share in (0.0, 1.0)
    )
    assert any(
        not np.array_equal(usual[n]["masked_alpha"], loose[n]["masked_alpha"]) for n in range(6)
    )


@pytest.mark.parametrize(("directions", "draws"), [("unmask", False), ("mask", True)])
def test_the_mask_to_put_on_is_drawn_for_who_learns_it(directions: str, draws: bool) -> None:
    crops = drawn_training_crops()
    config = tiny_config(warm_start__directions=directions)

    assert build_samples(config, crops.bare, crops.masked, first=0).draws_for_mask is draws


@pytest.mark.parametrize(("size_px", "least_px"), [(256, 40), (128, 38)])
def test_worn_faces_are_as_small_as_those_of_videos_whatever_the_crop(
    size_px: int, least_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = []

    def lose(image: NDArray[np.float32], small_px: int) -> NDArray[np.float32]:
        sides.append(small_px)
        return image

    monkeypatch.setattr("trainers.data.augment.lose_detail", lose)
    face = np.zeros((size_px, size_px, 3), np.float32)
    for seed in range(300):
        degrade(face, face, np.random.default_rng(seed))
    assert least_px <= min(sides) <= least_px + 4
    assert 0.85 * size_px < max(sides) < 0.9 * size_px


def test_turned_faces_are_drawn_more_often_where_asked_for() -> None:
    crops = drawn_crops(10)
    crops.landmarks[:, 2, 0] = 0.5
    crops.landmarks[3:5, 2, 0] += 0.1
    marked = crops.images
    marked[:], marked[3:5] = 200, 20
    asked = {"bare": crops, "augmentation": STILL}
    often = _samples(turned=1.0, **asked)
    assert all(often[number]["bare"].mean() < -0.5 for number in range(12))
    assert sum(_samples(**asked)[number]["bare"].mean() < -0.5 for number in range(10)) == 2


def test_what_each_generator_learns_is_chosen_and_changes_nothing_else() -> None:
    def samples(**choices: str) -> TrainingSamples:
        return _samples(
            augmentation=STILL,
            undrawn=0.0,
            real_fabric=0.0,
            **choices,
        )

    usual, mask_varied = samples(), samples(mask_learns="varied")
    unmask_narrow = samples(unmask_learns="surgical")

    for offset in range(6):
        before = usual[offset]
        for chosen, changed in (
            (mask_varied, {"surgical", "surgical_alpha"}),
            (unmask_narrow, {"masked", "masked_alpha"}),
        ):
            after = chosen[offset]
            differing = {name for name in before if not np.array_equal(before[name], after[name])}
            assert differing == changed
        assert np.array_equal(unmask_narrow[offset]["masked"], before["surgical"])


def test_each_pass_shows_every_face_once() -> None:
    samples = _samples(count=16, augmentation=STILL)

    for epoch in range(2):
        shown = {samples[8 * epoch + place]["bare"].tobytes() for place in range(8)}
        assert len(shown) == 8


def test_serial_samples_keep_the_order_of_the_files() -> None:
    samples = _samples(
        size_px=40, seed=3, augmentation=STILL, first=6, count=4, serial_batches=True
    )

    for offset, index in enumerate((6, 7, 0, 1)):
        shown = (samples[offset]["bare"].transpose(1, 2, 0) + 1) * 127.5
        assert np.allclose(shown, BARE.images[index], atol=0.51)
        masked = (samples[offset]["real_masked"].transpose(1, 2, 0) + 1) * 127.5
        assert np.allclose(masked, MASKED.images[(6 + offset) % 6], atol=0.51)


def test_pictures_are_in_range_and_opacities_fit() -> None:
    for number in range(12):
        sample = _samples()[number]
        for name, plane in sample.items():
            low = 0 if name in ("surgical_alpha", "masked_alpha") else -1
            assert plane.dtype == np.float32
            assert plane.min() >= low - 1e-6, name
            assert plane.max() <= 1 + 1e-6, name
        bare = sample["masked_alpha"] == 0
        assert bare.any()


def test_without_degradation_unmasking_changes_what_lies_under_the_mask_and_its_shadow_only() -> (
    None
):
    samples = _samples(augmentation=STILL)
    for number in range(8):
        sample = samples[number]
        assert np.array_equal(sample["target"], sample["bare"])
        changed = np.abs(sample["masked"] - sample["target"]).max(axis=0) > 1e-3
        top = np.flatnonzero(changed.any(axis=1))
        if sample["masked_alpha"].max() == 0:
            assert not len(top)
        else:
            assert top[0] > 6


def test_batches_hold_the_samples_in_order_whatever_the_number_of_workers() -> None:
    alone = list(batches(_samples(), batch_size=4, n_workers=0))
    shared = list(batches(_samples(), batch_size=4, n_workers=2))

    assert len(alone) == len(shared) == 3
    for one, other in zip(alone, shared, strict=True):
        assert len(one) == 4
        assert torch.equal(one.bare, other.bare)
        assert torch.equal(one.masked, other.masked)
    assert torch.equal(alone[1].bare[2], torch.from_numpy(_samples()[6]["bare"]))


def test_neighbours_in_time_are_varied_alike_and_lie_where_they_are_said_to() -> None:
    bare = CropSet.joined([in_tracks(drawn_crops(4, seed=1)), drawn_crops(2, seed=2)])
    samples = _samples(
        bare=bare,
        masked=in_tracks(drawn_crops(4, seed=5)),
        size_px=40,
        seed=3,
        augmentation=AugmentationConfig(truncation=0.3),
        first=0,
        count=6,
        wanted={"with_neighbours": True},
    )

    [batch] = batches(samples, batch_size=6, n_workers=0)

    assert batch.bare_frame_pairs is not None
    assert batch.masked_frame_pairs is not None
    # Two of six bare faces stand alone.
    assert len(batch.bare_frame_pairs.first) == 4
    assert len(batch.masked_frame_pairs.first) == 6
    for moments in (batch.bare_frame_pairs, batch.masked_frame_pairs):
        first, second = moments.first, moments.second
        grid = torch.nn.functional.affine_grid(
            moments.to_second, list(first.shape), align_corners=False
        )
        back = torch.nn.functional.grid_sample(
            second, grid, padding_mode="border", align_corners=False
        )
        inside = (..., slice(6, -6), slice(6, -6))
        apart, together = ((first - other)[inside].abs().mean() for other in (second, back))
        assert float(together) < 0.5 * float(apart)
    usual = next(iter(batches(_samples(), batch_size=4, n_workers=0)))
    assert usual.bare_frame_pairs is None


def test_where_nothing_is_drawn_each_face_is_varied_and_degraded_by_itself() -> None:
    def samples(augmentation: AugmentationConfig) -> TrainingSamples:
        return _samples(
            size_px=40,
            seed=3,
            augmentation=augmentation,
            first=0,
            count=8,
            wanted={"draws_pairs": False},
        )

    still, degraded = samples(STILL), samples(replace(STILL, degradation=1.0))
    for number in range(8):
        before, after = still[number], degraded[number]
        assert before["masked_alpha"].max() == before["surgical_alpha"].max() == 0
        assert np.array_equal(before["masked"], before["bare"])
        for name in ("bare", "real_masked"):
            assert not np.array_equal(before[name], after[name])
    shown = {still[number]["bare"].tobytes() for number in range(8)}
    assert len(shown) == 8


def test_drawing_learns_from_degraded_faces_where_it_is_all_that_is_learnt() -> None:
    usual, degraded = (
        _samples(
            size_px=40,
            seed=3,
            augmentation=replace(STILL, degradation=1.0),
            first=0,
            count=6,
            wanted={"degrades_bare": degrade_bare},
        )
        for degrade_bare in (False, True)
    )

    differing = set()
    for number in range(6):
        before, after = usual[number], degraded[number]
        differing |= {name for name in before if not np.array_equal(before[name], after[name])}
    assert differing == {"bare", "surgical"}


def test_masks_worn_wrong_are_drawn_on_request() -> None:
    def covered(wearing_wrong: float) -> float:
        samples = _samples(
            size_px=40,
            seed=3,
            augmentation=STILL,
            first=0,
            count=12,
            undrawn=0.0,
            wearing_wrong=wearing_wrong,
        )
        return sum(float(samples[number]["masked_alpha"].mean()) for number in range(12))

    assert covered(1.0) < 0.95 * covered(0.0)


def test_starting_the_loader_draws_nothing_from_torch() -> None:
    before = torch.get_rng_state()

    next(iter(batches(_samples(), batch_size=4, n_workers=0)))

    assert torch.equal(torch.get_rng_state(), before)


def test_without_augmentation_a_crop_is_shown_as_it_is() -> None:
    image = BARE.images[0]

    picture, landmarks = vary(
        image, BARE.landmarks[0], image.shape[0], STILL, np.random.default_rng(0)
    )

    assert np.allclose(picture * 255, image, atol=0.51)
    assert np.allclose(landmarks, BARE.landmarks[0] * image.shape[0], atol=1e-4)


@pytest.mark.parametrize(
    "augmentation",
    [
        AugmentationConfig(flip=False, turn_deg=20, scale=0, shift=0, color=0),
        AugmentationConfig(flip=False, turn_deg=0, scale=0.2, shift=0, color=0),
        AugmentationConfig(flip=False, turn_deg=0, scale=0, shift=0.1, color=0),
        AugmentationConfig(flip=True, turn_deg=0, scale=0, shift=0, color=0),
        AugmentationConfig(flip=False, turn_deg=0, scale=0, shift=0, color=0.5),
    ],
    ids=["turn", "scale", "shift", "flip", "color"],
)
def test_each_augmentation_changes_pictures_and_landmarks_stay_on_the_eyes(
    augmentation: AugmentationConfig,
) -> None:
    [crops] = [drawn_crops(1, size_px=64, seed=5)]
    rng = np.random.default_rng(1)
    still, _ = vary(crops.images[0], crops.landmarks[0], 64, STILL, rng)

    changed = 0
    for _ in range(6):
        picture, points = vary(crops.images[0], crops.landmarks[0], 64, augmentation, rng)
        changed += not np.array_equal(picture, still)
        assert points[0, 0] < points[1, 0]
        for x, y in points[:2]:
            dark = picture[int(y), int(x)].mean()
            assert dark < 0.35
    assert changed


def test_degradation_takes_detail_from_both_and_adds_noise_to_the_input_alone() -> None:
    crops = drawn_crops(1, size_px=64)
    face = crops.images[0].astype(np.float32) / 255
    rng = np.random.default_rng(0)

    pairs = [degrade(face, face, rng) for _ in range(12)]

    assert any(not np.array_equal(bare, face) for _, bare in pairs)
    assert any(not np.array_equal(masked, bare) for masked, bare in pairs)
    assert all(
        p.min() >= 0 and p.max() <= 1 and p.dtype == np.float32 for pair in pairs for p in pair
    )


def test_a_cut_face_ends_at_the_same_places_in_every_picture_and_repeats_its_edge() -> None:
    rng = np.random.default_rng(0)
    picture = rng.random((64, 64, 3), dtype=np.float32)
    alpha = rng.random((64, 64), dtype=np.float32)

    truncated = [
        truncate((picture, picture[..., 0], alpha), np.random.default_rng(i)) for i in range(20)
    ]

    for picture_inside, channel, alpha_inside in truncated:
        assert np.allclose(picture_inside[..., 0], channel, atol=1e-6)
        kept = np.isclose(picture_inside, picture, atol=1e-3).all(axis=2)
        assert kept[27:37, 27:37].all(), "the face stays"  # type: ignore[index]
        assert np.isclose(alpha_inside, alpha, atol=0.02)[kept].mean() > 0.99
    ended = [~np.isclose(inside, picture, atol=1e-3).all(axis=2) for inside, _, _ in truncated]
    assert sum(bool(e.any()) for e in ended) > 15
    below = [bool(e[-1, 32]) for e in ended]  # type: ignore[index]
    assert sum(below) > 10, "most of them below the chin"


def test_the_share_of_cut_samples_is_the_one_asked_for() -> None:
    whole = _samples(augmentation=replace(STILL, truncation=0.0), count=8)
    truncated = _samples(augmentation=replace(STILL, truncation=1.0), count=8)

    changed = [not np.allclose(whole[i]["bare"], truncated[i]["bare"], atol=0.02) for i in range(8)]

    assert sum(changed) >= 6
    assert truncated[0]["bare"].min() >= -1
    assert truncated[0]["masked_alpha"].max() <= 1

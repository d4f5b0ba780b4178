import pytest
import torch

from facemask_video.translate.networks import inpaint


@pytest.mark.parametrize(("size_px", "edge_px"), [(64, 1), (128, 1), (256, 3)])
def test_unsure_cloth_is_taken_off_where_it_hangs_on_sure_cloth(size_px: int, edge_px: int) -> None:
    at = size_px // 16
    probability = torch.full((1, 1, size_px, size_px), 0.02)
    probability[..., 7 * at : 13 * at, 3 * at : 13 * at] = 0.2  # the rim, and the mask in it
    probability[..., 7 * at + 1 : 13 * at - 1, 3 * at + 1 : 13 * at - 1] = 0.95
    flap = (..., slice(2 * at, 7 * at), slice(3 * at, 6 * at))
    probability[flap] = 0.2
    apart = (..., slice(0, 4 * at), slice(10 * at, 14 * at))
    probability[apart] = 0.3

    opacity = inpaint.soft_threshold(probability)
    hanging = inpaint.hysteresis(
        probability, opacity, low=0.05, high=0.5, cell_px=4, edge_px=edge_px
    )

    assert opacity[flap].max() == 0
    assert hanging[flap].mean() > 0.8
    assert hanging[apart].max() == 0
    assert hanging[..., 7 * at :, 8 * at :].max() == 0, "the rim of a sure edge is no cloth"


@pytest.mark.parametrize("size_px", [64, 96])
def test_a_hole_takes_the_colour_of_the_face_above_it_not_of_the_gown_below(size_px: int) -> None:
    skin, gown = 0.5, -0.5
    image = torch.full((1, 3, size_px, size_px), gown)
    head = torch.zeros(1, 1, size_px, size_px)
    head[..., : size_px // 2, size_px // 5 : -size_px // 5] = 1
    image = torch.where(head.bool(), skin, image)
    known = torch.ones(1, 1, size_px, size_px)
    hole = (
        slice(None),
        slice(None),
        slice(size_px // 2, -size_px // 8),
        slice(size_px // 4, -size_px // 4),
    )
    known[hole] = 0

    around = inpaint.push_pull_fill(image, known)
    of_face = inpaint.push_pull_fill(
        image, known, inpaint.face_weights(size_px, torch.device("cpu"))
    )

    assert around[hole].mean() < 0
    assert of_face[hole].min() > 0.3
    for filled in (around, of_face):
        assert torch.allclose(filled * known, image * known, atol=1e-6)


def test_closing_fills_what_is_narrower_than_its_square_and_moves_no_edge() -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    holed = mask.clone()
    holed[..., 7:9, 7:9] = 0

    assert torch.equal(inpaint.close_gaps(holed, 1), mask)
    assert inpaint.dilate(mask, 2).sum() == 12 * 12
    assert inpaint.erode(mask, 2).sum() == 4 * 4


def test_feathering_widens_a_mask_and_softens_its_edge_alone() -> None:
    mask = torch.zeros(1, 1, 1, 16)
    mask[..., 8:] = 1

    row = inpaint.feather(mask.expand(-1, -1, 16, -1), 1)[0, 0, 8]

    assert row[9:].min() == 1
    assert row[:6].max() == 0
    assert 0 < row[6] < row[7] < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_alone_are_those_that_gradients_pass_through(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    cloudy = torch.nn.functional.interpolate(torch.rand(2, 1, 12, 12), 96, mode="bilinear")
    mask = ((cloudy - 0.3) * 3).clamp(0, 1).to(dtype)
    try:
        torch.nn.functional.pad(mask, (1, 1, 1, 1), mode="replicate")
    except RuntimeError as error:
        pytest.skip(f"this torch repeats no edges: {error}")
    traced = mask.clone().requires_grad_()

    for operation in (inpaint.dilate, inpaint.erode, inpaint.close_gaps):
        pooled = operation(traced, 3)
        assert pooled.requires_grad
        assert torch.equal(operation(mask, 3), pooled)
    assert torch.allclose(inpaint.feather(mask, 3), inpaint.feather(traced, 3), atol=1e-5)
    limits = {"low": 0.2, "high": 0.9, "cell_px": 4, "edge_px": 1}
    # Thresholds pass no gradient, so what is compared to them is exported instead.
    with torch.no_grad():
        joined = inpaint.hysteresis(mask, mask * 0.4, **limits)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inpaint, "_is_array", lambda mask: False)
            assert torch.equal(joined, inpaint.hysteresis(mask, mask * 0.4, **limits))
    assert 0 < joined.mean() < mask.mean()

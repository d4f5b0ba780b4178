import numpy as np

from trainers.data.occluders import draw_occluder


def test_an_occluder_hides_face_mask_and_region_alike() -> None:
    rng = np.random.default_rng(0)
    face = np.full((64, 64, 3), 0.5, np.float32)
    masked = np.concatenate([face[:32], np.ones((32, 64, 3), np.float32)])
    region = (masked[..., 0] > 0.9).astype(np.float32)
    for _ in range(8):
        occluder = draw_occluder(face, rng)
        hidden = occluder.alpha > 0.99

        assert 0.002 < hidden.mean() < 0.7
        assert np.allclose(occluder.over(face)[hidden], occluder.over(masked)[hidden], atol=0.02)
        assert occluder.taken_from(region)[hidden].max() < 0.02
        free = occluder.alpha == 0
        assert np.array_equal(occluder.over(masked)[free], masked[free])
        assert np.array_equal(occluder.taken_from(region)[free], region[free])


def test_occluders_differ_and_lie_over_the_lower_face() -> None:
    rng = np.random.default_rng(1)
    face = np.random.default_rng(2).random((64, 64, 3)).astype(np.float32)
    alphas = np.stack([draw_occluder(face, rng).alpha for _ in range(24)])

    share = (alphas > 0.5).mean((0, 2))
    assert share[40:].mean() > 2 * share[:20].mean()
    assert np.abs(np.diff(alphas, axis=0)).max((1, 2)).min() > 0.9

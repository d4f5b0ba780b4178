import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from trainers.config.networks import InitType
from trainers.gan.initialise import initialise

N_IN, N_OUT, SIDE = 32, 64, 3


def drawn(init_type: InitType, gain: float) -> nn.Conv2d:
    torch.manual_seed(0)
    convolution = nn.Conv2d(N_IN, N_OUT, SIDE).to(memory_format=torch.channels_last)
    initialise(nn.Sequential(convolution, nn.InstanceNorm2d(N_OUT, affine=True)), init_type, gain)
    return convolution


@pytest.mark.parametrize(
    ("init_type", "deviation"),
    [
        ("normal", 0.02),
        ("xavier", 0.02 * (2 / ((N_IN + N_OUT) * SIDE**2)) ** 0.5),
        ("kaiming", (2 / (N_IN * SIDE**2)) ** 0.5),
        # Rows of length gain.
        ("orthogonal", 0.02 / (N_IN * SIDE**2) ** 0.5),
    ],
)
def test_weights_have_the_deviation_of_their_kind(init_type: InitType, deviation: float) -> None:
    convolution = drawn(init_type, 0.02)

    assert convolution.weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert convolution.bias is not None
    assert not convolution.bias.any()


def test_orthogonal_rows_are_at_right_angles() -> None:
    rows = drawn("orthogonal", 1.0).weight.flatten(1)

    assert torch.allclose(rows @ rows.T, torch.eye(N_OUT), atol=1e-4)


def test_norms_stay_and_what_lies_under_spectral_norm_is_drawn() -> None:
    under = spectral_norm(nn.Conv2d(N_IN, N_OUT, SIDE))
    norm = nn.BatchNorm2d(N_OUT)

    initialise(nn.Sequential(under, norm), "normal", 0.02)

    original = under.get_parameter("parametrizations.weight.original")
    assert original.std().item() == pytest.approx(0.02, rel=0.05)
    assert (norm.weight == 1).all()


def test_torch_leaves_the_weights_it_drew() -> None:
    torch.manual_seed(0)
    expected = nn.Conv2d(N_IN, N_OUT, SIDE).weight

    assert torch.equal(drawn("torch", 0.02).weight, expected)

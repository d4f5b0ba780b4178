"""Generators of pytorch-CycleGAN-and-pix2pix, built by hand from its layout."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from facemask_video.translate.weights import load_generator
from trainers.cli import main
from trainers.fit.pth import read_pth


class _Block(nn.Module):
    def __init__(self, width: int, norm: type[nn.Module], *, bias: bool, dropout: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            norm(width),
            nn.ReLU(),
        ]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv_block(features)  # type: ignore[no-any-return]


class _Original(nn.Module):
    """Stem, two halvings, blocks, two doublings, head, in one numbered sequence."""

    def __init__(self, ngf: int, n_blocks: int, *, norm: str, dropout: bool) -> None:
        super().__init__()
        make: type[nn.Module] = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
        bias = norm != "batch"
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, ngf, 7, bias=bias),
            make(ngf),
            nn.ReLU(),
        ]
        for width in (ngf, 2 * ngf):
            layers += [
                nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=bias),
                make(2 * width),
                nn.ReLU(),
            ]
        layers += [_Block(4 * ngf, make, bias=bias, dropout=dropout) for _ in range(n_blocks)]
        for width in (4 * ngf, 2 * ngf):
            layers += [
                nn.ConvTranspose2d(
                    width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=bias
                ),
                make(width // 2),
                nn.ReLU(),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)  # type: ignore[no-any-return]


def _original(norm: str = "instance", *, dropout: bool = False, n_blocks: int = 6) -> _Original:
    torch.manual_seed(0)
    network = _Original(4, n_blocks, norm=norm, dropout=dropout)
    if norm == "batch":
        network(torch.rand(4, 3, 32, 32))  # running means that are not those of the start
        for name, weight in network.named_parameters():
            if weight.ndim == 1:
                nn.init.normal_(weight, 0.5 if name.endswith("weight") else 0.0, 0.2)
    return network.eval()


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("dropout", [False, True])
def test_an_imported_generator_gives_the_originals_pictures(
    tmp_path: Path, norm: str, dropout: bool
) -> None:
    original = _original(norm, dropout=dropout)
    torch.save(original.state_dict(), tmp_path / "latest_net_G_A.pth")
    image = torch.rand(2, 3, 64, 64) * 2 - 1

    network = read_pth(tmp_path / "latest_net_G_A.pth")

    with torch.no_grad():
        painted, alpha = network(image)
        assert torch.allclose(painted, original(image), atol=1e-5)
    assert bool((alpha == 1).all())
    assert network.spec.n_blocks == 6


def test_one_saved_from_several_gpus_is_read(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in _original().state_dict().items()}
    torch.save(state, tmp_path / "latest_net_G_B.pth")

    assert read_pth(tmp_path / "latest_net_G_B.pth").spec.ngf == 4


def test_the_command_writes_weights_that_the_converter_loads(tmp_path: Path) -> None:
    source, target = tmp_path / "latest_net_G_A.pth", tmp_path / "mask.safetensors"
    torch.save(_original(n_blocks=9).state_dict(), source)

    result = CliRunner().invoke(
        main,
        ["import", str(source), "-d", "AtoB", "--crop-size", "64", "--licence", "BSD",
         "-o", str(target)],
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    _, card = load_generator(target, direction=Direction.MASK)
    assert (card.crop_size_px, card.licence, card.spec.n_blocks) == (64, "BSD", 9)


def test_what_is_no_such_generator_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    cases: list[tuple[object, str]] = [
        ({"model.model.0.weight": torch.zeros(4, 3, 4, 4)}, "U-Nets cannot be read"),
        ({"epoch": 3}, "holds no tensors by name"),
        (
            {k: v for k, v in _original().state_dict().items() if not k.startswith("model.19")},
            "is not laid out as a residual generator",
        ),
    ]
    for content, message in cases:
        torch.save(content, path)
        with pytest.raises(WeightsError, match=message) as error:
            read_pth(path)
        assert "\n" not in str(error.value)
    path.write_bytes(b"no archive")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_pth(path)

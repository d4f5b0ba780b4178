"""One network for the picture and its alpha."""

import torch
from torch import Tensor, nn

from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks.resnet import ResnetTrunk
from facemask_video.translate.networks.translation import Translation
from facemask_video.translate.networks.unet import UnetTrunk


class OneStageGenerator(nn.Module):
    """One network paints the picture and its alpha."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.spec = spec
        trunk = UnetTrunk if spec.architecture == "unet" else ResnetTrunk
        self.trunk = trunk(spec, 3, 4 if spec.alpha else 3)

    def forward(self, image: Tensor) -> Translation:
        raw = self.trunk(image)
        # Of the whole: of a slice of channels that lie last in memory it takes eight times as long.
        painted = torch.tanh(raw)[:, :3]
        alpha = torch.sigmoid(raw)[:, 3:4] if self.spec.alpha else torch.ones_like(raw[:, :1])
        return Translation(painted, alpha)

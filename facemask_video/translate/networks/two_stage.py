"""Segment the mask, then complete the face under it."""

from typing import Any

import torch
from torch import Tensor, nn

from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks import inpaint
from facemask_video.translate.networks.layers import laid_out_as
from facemask_video.translate.networks.resnet import ResnetTrunk
from facemask_video.translate.networks.straps import find_straps
from facemask_video.translate.networks.translation import Translation


class TwoStageGenerator(nn.Module):
    """For unmask: segment the mask, then complete the face without seeing what lies under it.

    The completion network sees the image with a smooth filling (`GeneratorSpec.fill`) in place of
    what lies under the (slightly widened) mask, and the mask itself; so no colour of the fabric can
    leak into the skin. It paints what the filling lacks.
    """

    MARGIN_PX_AT_128 = 3
    """How far the erased area reaches beyond the mask: over its edge and its shadow."""

    SURE, LIKELY = 0.5, 0.05
    """Thresholds of the hysteresis: probable cloth counts where it is connected to sure cloth."""

    CELL_PX = 4
    """What lies in neighbouring cells of this side is connected."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.spec = spec
        segmentation = GeneratorSpec(
            ngf=spec.segmentation_ngf,
            n_blocks=2,
            n_downsampling=4 if spec.fold == 1 else 3,
            norm=spec.norm,
            padding=spec.padding,
            skips=True,
            final_kernel=3,
            fold=spec.fold,
        )
        self.segmentation = ResnetTrunk(segmentation, 3, 1)
        self.completion = ResnetTrunk(spec, 4, 3)
        self.register_load_state_dict_pre_hook(_take_former_names)  # type: ignore[no-untyped-call]

    def mask_logits(self, image: Tensor) -> Tensor:
        """Return the logits of the mask's segmentation, shape (n, 1, S, S)."""
        return self.segmentation(image)  # type: ignore[no-any-return]

    def mask_probability(self, image: Tensor) -> Tensor:
        """Return how likely each pixel is cloth, shape (n, 1, S, S)."""
        probability = torch.sigmoid(self.mask_logits(image))
        if self.spec.mirrored and not self.training:
            mirrored = torch.sigmoid(self.mask_logits(image.flip(3))).flip(3)
            probability = (probability + mirrored) / 2
        return probability

    def segment(self, image: Tensor) -> Tensor:
        """Return the mask's opacity, shape (n, 1, S, S), in [0, 1], mostly one or the other."""
        return self._opacity(self.mask_probability(image))

    def _opacity(self, probability: Tensor) -> Tensor:
        opacity = inpaint.soft_threshold(probability)
        if not self.training:
            flaps = inpaint.hysteresis(
                probability,
                opacity,
                low=self.LIKELY,
                high=self.SURE,
                cell_px=self.CELL_PX,
                edge_px=max(1, self._margin_px(probability) // 2),
            )
            opacity = torch.maximum(opacity, flaps)
        # Gaps and holes of a few px are none: cloth has none.
        return inpaint.close_gaps(opacity, self._margin_px(opacity))

    def erase(self, opacity: Tensor) -> tuple[Tensor, Tensor]:
        """Widen a mask's opacity for what comes after.

        Returns:
            What the completion network must not see, and the alpha under which its picture
            replaces the input; both of shape (n, 1, S, S), in [0, 1].
        """
        alpha = inpaint.feather(opacity, self._margin_px(opacity))
        # Total inside the mask, or fabric shines through at half strength.
        erased = inpaint.dilate(opacity, 2)
        return torch.maximum(erased, alpha), alpha

    def complete(self, image: Tensor, erased: Tensor) -> Tensor:
        """Paint the image where ``erased``, (n, 1, S, S), hides it (1); its pixels are not seen."""
        weights = None
        if self.spec.fill == "face":
            weights = inpaint.face_weights(image.shape[-1], image.device).to(image.dtype)
        filled = inpaint.push_pull_fill(image, 1 - erased, weights)
        seen = torch.cat([filled, laid_out_as(filled, erased)], dim=1)
        painted = filled + self.completion(seen)
        # In training the range is left open: a clamp would stop gradients that lead back into it.
        return painted if self.training else painted.clamp(-1, 1)  # type: ignore[no-any-return]

    def forward(self, image: Tensor) -> Translation:
        probability = self.mask_probability(image)
        opacity = self._opacity(probability)
        erased, alpha = self.erase(opacity)
        if not self.training:
            straps = find_straps(image, probability, opacity)
            # The margin of a mask would take half the ear along.
            margin_px = max(1, self._margin_px(image) // 2)
            erased = torch.maximum(erased, inpaint.dilate(straps, margin_px))
            alpha = torch.maximum(alpha, inpaint.feather(straps, max(1, margin_px - 1)))
        return Translation(self.complete(image, erased), alpha)

    def _margin_px(self, image: Tensor) -> int:
        return max(1, round(self.MARGIN_PX_AT_128 * int(image.shape[-1]) / 128))


def _take_former_names(_: nn.Module, tensors: dict[str, Any], prefix: str, *_rest: object) -> None:
    """Let weights files and checkpoints be loaded that call the segmentation network otherwise."""
    former = f"{prefix}outline."
    for name in [name for name in tensors if name.startswith(former)]:
        tensors[f"{prefix}segmentation.{name.removeprefix(former)}"] = tensors.pop(name)

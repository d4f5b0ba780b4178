import pytest
import torch

from facemask_video.translate.networks.layers import SelfAttention, unshuffle


def test_self_attention_changes_nothing_at_the_start_and_something_once_it_has_gain() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(8)
    features = torch.rand(1, 8, 4, 4)

    assert torch.equal(layer(features), features)
    layer.gain.data.fill_(1.0)
    assert not torch.equal(layer(features), features)


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_unshuffled_pixels_are_torchs_own(factor: int, memory_format: torch.memory_format) -> None:
    image = torch.rand(2, 3, 8, 12).contiguous(memory_format=memory_format)

    folded = unshuffle(image, factor)

    assert torch.equal(folded, torch.nn.functional.pixel_unshuffle(image, factor))
    assert folded.is_contiguous(memory_format=memory_format)

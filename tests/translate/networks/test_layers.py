import torch

from facemask_video.translate.networks.layers import SelfAttention


def test_self_attention_changes_nothing_at_the_start_and_something_once_it_has_gain() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(8)
    features = torch.rand(1, 8, 4, 4)

    assert torch.equal(layer(features), features)
    layer.gain.data.fill_(1.0)
    assert not torch.equal(layer(features), features)

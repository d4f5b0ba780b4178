"""Features of networks that know faces, with random weights in the place of the download."""

from pathlib import Path

import pytest
import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1

from facemask_video.core.errors import WeightsError
from tests.fakes import random_vggface2
from trainers.gan.face_features import OnetFeatures, VggfaceFeatures


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_vggface2(tmp_path_factory.mktemp("weights") / "vggface2.pt")


def test_the_features_are_those_inside_the_whole_network(weights: Path) -> None:
    whole = InceptionResnetV1().eval()
    state = torch.load(weights, weights_only=True)
    whole.load_state_dict({name: state[name] for name in whole.state_dict()})
    inside: list[torch.Tensor] = []
    for part in (whole.conv2d_2b, whole.conv2d_4b, whole.repeat_1, whole.repeat_2):
        part.register_forward_hook(lambda *call: inside.append(call[-1]))
    image = torch.rand(2, 3, 160, 160) * 2 - 1

    features = VggfaceFeatures(weights)(image)
    whole(image)

    assert len(features) == 4
    for ours, theirs in zip(features, inside, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("size_px", [48, 128])
def test_features_pass_gradients_to_the_picture_and_keep_none(weights: Path, size_px: int) -> None:
    image = (torch.rand(1, 3, size_px, size_px) * 2 - 1).requires_grad_()
    for network in (OnetFeatures(), VggfaceFeatures(weights)):
        total = torch.stack([part.abs().mean() for part in network(image)]).sum()

        [gradient] = torch.autograd.grad(total, image)

        assert float(gradient.abs().sum()) > 0
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_weights_that_are_not_there_or_something_else_are_named(tmp_path: Path) -> None:
    path = tmp_path / "vggface2.pt"
    with pytest.raises(WeightsError, match=r"vggface2\.pt: no weights there; fetch 20180402-"):
        VggfaceFeatures(path)

    torch.save({"conv2d_1a.conv.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"not facenet-pytorch's vggface2 weights \(KeyError"):
        VggfaceFeatures(path)

    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match="not facenet-pytorch's vggface2 weights"):
        VggfaceFeatures(path)

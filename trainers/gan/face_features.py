"""Features of networks that know faces, for losses and measures.

MTCNN's O-Net (Zhang et al., IEEE SPL 2016) has learnt what eyes, noses and mouths look like, and
its weights come inside facenet-pytorch's wheel: so they are there where no others can be fetched.
InceptionResnetV1 has learnt to distinguish people (VGGFace2, Cao et al., FG 2018); its weights are
a download of their own, read here from a file.
"""

import pickle
from pathlib import Path
from zipfile import BadZipFile

import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1
from facenet_pytorch.models.mtcnn import ONet
from torch import Tensor, nn

from facemask_video.core.errors import WeightsError

_VGGFACE2_SIDE_PX = 160


class OnetFeatures(nn.Module):
    """The convolutional part of O-Net, frozen.

    Takes images in [-1, 1], shape (n, 3, S, S), S >= 48, and gives the activations after each of
    its four convolutions, finest first. It is run over the picture as it is, without resizing to
    the 48 px that the detector uses.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = ONet().eval().requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        net = self.network
        first = net.prelu1(net.conv1(image))
        second = net.prelu2(net.conv2(net.pool1(first)))
        third = net.prelu3(net.conv3(net.pool2(second)))
        fourth = net.prelu4(net.conv4(net.pool3(third)))
        return [first, second, third, fourth]

    def embed(self, image: Tensor) -> Tensor:
        """Return O-Net's 256 numbers for a face resized to 48 px, shape (n, 256)."""
        small = nn.functional.interpolate(
            image, size=(48, 48), mode="bilinear", antialias=True, align_corners=False
        )
        fourth = self.forward(small)[-1]
        dense = self.network.dense5(fourth.permute(0, 3, 2, 1).reshape(len(image), -1))
        return self.network.prelu5(dense)  # type: ignore[no-any-return]


class VggfaceFeatures(nn.Module):
    """The first two thirds of facenet-pytorch's InceptionResnetV1 ``vggface2``, frozen.

    Takes images in [-1, 1], shape (n, 3, S, S), resizes them to the 160 px that it was trained on,
    and gives the activations after four of its parts, finest first.
    """

    def __init__(self, weights: Path) -> None:
        """Read the weights; nothing is downloaded.

        Raises:
            WeightsError: The file is not there, or holds something else.
        """
        super().__init__()
        whole = InceptionResnetV1()
        whole.load_state_dict(_read_vggface2(weights, set(whole.state_dict())))
        self.parts = nn.ModuleList(
            [
                nn.Sequential(whole.conv2d_1a, whole.conv2d_2a, whole.conv2d_2b),
                nn.Sequential(whole.maxpool_3a, whole.conv2d_3b, whole.conv2d_4a, whole.conv2d_4b),
                whole.repeat_1,
                nn.Sequential(whole.mixed_6a, whole.repeat_2),
            ]
        )
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        side = _VGGFACE2_SIDE_PX
        image = nn.functional.interpolate(
            image, size=(side, side), mode="bilinear", align_corners=False
        )
        features = []
        for part in self.parts:
            image = part(image)
            features.append(image)
        return features


FaceFeatures = OnetFeatures | VggfaceFeatures


def _read_vggface2(path: Path, names: set[str]) -> dict[str, Tensor]:
    """Read the weights of some names; the file also holds the classifier that they ended in."""
    if not path.is_file():
        raise WeightsError(
            f"{path}: no weights there; fetch 20180402-114759-vggface2.pt from facenet-pytorch's "
            "releases, or leave --vggface2 out: the features of O-Net need none."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: state[name] for name in names}
    except (
        *(OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError),
        *(KeyError, TypeError, IndexError),
    ) as exc:
        reason = f"{type(exc).__name__}: {exc}".splitlines()[0]
        raise WeightsError(
            f"{path}: not facenet-pytorch's vggface2 weights ({reason}); "
            "fetch 20180402-114759-vggface2.pt."
        ) from exc

"""Features of the face detector's last network, for losses and measures.

MTCNN's O-Net (Zhang et al., IEEE SPL 2016) has learnt what eyes, noses and mouths look like, and
its weights come inside facenet-pytorch's wheel: so they are there where no others can be fetched.
"""

from facenet_pytorch.models.mtcnn import ONet
from torch import Tensor, nn


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

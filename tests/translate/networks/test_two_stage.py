import torch

from tests.translate.networks.tiny import noise_image, tiny_two_stage


def test_completion_does_not_see_what_lies_under_the_mask() -> None:
    network = tiny_two_stage().eval()
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 12:28, 8:24] = 1
    image = noise_image(1)
    other = torch.where(mask > 0, -image, image)

    assert torch.equal(network.complete(image, mask), network.complete(other, mask))
    assert not torch.equal(network.complete(image, 0 * mask), network.complete(other, 0 * mask))


def test_a_mirrored_generator_segments_a_mirror_image_alike_but_learns_as_others() -> None:
    plain, mirrored = tiny_two_stage(), tiny_two_stage(mirrored=True)
    mirrored.load_state_dict(plain.state_dict())
    image = noise_image()

    assert torch.equal(mirrored.mask_probability(image), plain.mask_probability(image))
    plain.eval(), mirrored.eval()
    probability = mirrored.mask_probability(image)
    assert torch.allclose(probability, mirrored.mask_probability(image.flip(3)).flip(3), atol=1e-5)
    assert not torch.allclose(plain.mask_probability(image), probability, atol=1e-4)

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


def test_a_mirrored_generator_treats_a_mirror_image_alike_but_learns_as_others() -> None:
    plain, mirrored = tiny_two_stage(), tiny_two_stage(mirrored=True)
    mirrored.load_state_dict(plain.state_dict())
    image, mask = noise_image(), torch.rand(2, 1, 32, 32)

    assert torch.equal(mirrored.complete(image, mask), plain.complete(image, mask))
    assert torch.equal(mirrored.mask_probability(image), plain.mask_probability(image))
    plain.eval(), mirrored.eval()
    painted = mirrored.complete(image, mask)
    of_mirror = mirrored.complete(image.flip(3), mask.flip(3)).flip(3)

    assert torch.allclose(painted, of_mirror, atol=1e-5)
    assert not torch.allclose(plain.complete(image, mask), painted, atol=1e-3)
    probability = mirrored.mask_probability(image)
    assert torch.allclose(probability, mirrored.mask_probability(image.flip(3)).flip(3), atol=1e-5)
    assert not torch.allclose(plain.mask_probability(image), probability, atol=1e-4)

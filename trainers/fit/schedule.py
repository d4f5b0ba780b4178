"""How the optimisers' steps change with the images seen."""

import math


def lr_factor(policy: str, images_seen: int, *, images: int, decay_images: int) -> float:
    """Return what the base step is multiplied by.

    Args:
        policy: ``constant``; ``linear``: 1, then to 0 over the last ``decay_images``; ``cosine``:
            the same along half a cosine.
        images_seen: So far.
        images: Of the whole run.
        decay_images: Length of the fall; 0 is the whole run.

    >>> [lr_factor("linear", seen, images=100, decay_images=50) for seen in (0, 50, 75, 100)]
    [1.0, 1.0, 0.5, 0.0]
    """
    if policy == "constant":
        return 1.0
    length = min(decay_images or images, images)
    done = min(1.0, max(0.0, (images_seen - (images - length)) / length))
    if policy == "linear":
        return 1.0 - done
    if policy == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    raise ValueError(f"lr_policy: got {policy!r}, expected constant, linear or cosine.")

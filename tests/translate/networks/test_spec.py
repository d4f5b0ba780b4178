from typing import Any

import pytest

from tests.translate.networks.tiny import tiny_spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "instant"}, "norm: got 'instant'"),
        ({"architecture": "vit"}, "architecture: got 'vit'"),
        ({"fill": "mask"}, "fill: got 'mask'"),
        ({"ngf": 0}, "positive"),
        ({"final_kernel": 4}, "final_kernel: got 4"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_spec(**options)

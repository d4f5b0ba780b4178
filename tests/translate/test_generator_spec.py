from typing import Any

import pytest

from facemask_video.core.errors import ConfigError
from tests.translate.networks.tiny import tiny_spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "instant"}, "norm: got 'instant'"),
        ({"architecture": "vit"}, "architecture: got 'vit'"),
        ({"fill": "mask"}, "fill: got 'mask'"),
        ({"ngf": 0}, "ngf: got 0, expected at least 1"),
        ({"final_kernel": 4}, "final_kernel: got 4"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_spec(**options)

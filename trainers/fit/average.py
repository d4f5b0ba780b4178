"""Weights averaging: one generator of several that were trained from the same beginning.

The mean of weights that lie in one basin is often better than any of them (Izmailov et al., UAI
2018; Wortsman et al., ICML 2022, "model soups"). Of networks that were trained apart it is useless.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.translate.networks import (
    Generator,
    StyledGenerator,
    Translation,
    build_generator,
)
from facemask_video.translate.weights import WeightsCard, load_generator, read_card
from trainers.fit.runs import RunFolder

Measure = Callable[[Generator], float]
"""Tells how bad a generator is; lower is better."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Shares that were tried, and what they measured; lower is better."""

    shares: tuple[float, ...]
    value: float


def weights_of(place: Path, direction: Direction | None) -> Path:
    """Return the weights file that is meant by a file or by a run folder.

    Raises:
        ConfigError: A run folder has none, or several of which none was asked for.
    """
    if not place.is_dir():
        return place
    folder = RunFolder.open(place).weights
    pattern = f"{direction or '*'}-*.safetensors"
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ConfigError(
            f"{place}: holds {len(found)} weights files {pattern}, expected one; pass --direction, "
            "or name the file."
        )
    return found[0]


def load_alike(paths: Sequence[Path]) -> tuple[list[Generator], list[WeightsCard]]:
    """Read generators of one kind.

    Raises:
        WeightsError: One is damaged, or they differ in what a mean needs alike.
    """
    cards = [read_card(path) for path in paths]
    for name in ("direction", "spec", "crop_size_px", "styles", "alignment_id", "value_range"):
        for path, card in zip(paths[1:], cards[1:], strict=True):
            if getattr(card, name) != getattr(cards[0], name):
                raise WeightsError(
                    f"{path}: its {name} is not that of {paths[0]}; only weights that were trained "
                    "from the same beginning can be averaged."
                )
    return [load_generator(p, direction=cards[0].direction)[0] for p in paths], cards


@torch.no_grad()
def average(
    generators: Sequence[Generator], cards: Sequence[WeightsCard], shares: Sequence[float]
) -> tuple[Generator, WeightsCard]:
    """Return the weighted mean of generators, and its card.

    Args:
        generators: Of one kind, as `load_alike` returns them.
        cards: Of each.
        shares: Of each; they add up to 1.

    Raises:
        ConfigError: There are more or fewer shares, or they do not add up to 1.
    """
    if len(shares) != len(generators) or abs(sum(shares) - 1) > 1e-6 or min(shares) < 0:
        raise ConfigError(
            f"--shares: got {','.join(f'{share:g}' for share in shares)} for {len(generators)} "
            "weights, expected one of each, none negative, that add up to 1."
        )
    states = [generator.state_dict() for generator in generators]
    mean: dict[str, Tensor] = {}
    for name, first in states[0].items():
        if first.is_floating_point():
            parts = (share * state[name] for share, state in zip(shares, states, strict=True))
            mean[name] = torch.stack(list(parts)).sum(dim=0)
        else:
            mean[name] = first
    network = build_generator(cards[0].spec, len(cards[0].styles))
    network.load_state_dict(mean)
    made_of = [
        (card.config_sha256, card.sha256, round(share, 6))
        for card, share in zip(cards, shares, strict=True)
    ]
    files = {card.training_files_sha256 for card in cards}
    card = replace(
        cards[0],
        images_seen=max(card.images_seen for card in cards),
        config_sha256=hashlib.sha256(json.dumps(made_of).encode()).hexdigest(),
        training_files_sha256=files.pop() if len(files) == 1 else "",
        sha256="",
    )
    return network.eval().requires_grad_(False), card


def choose_shares(
    generators: Sequence[Generator],
    cards: Sequence[WeightsCard],
    measure: Measure,
    *,
    n_steps: int,
) -> Iterator[Tried]:
    """Yield every mixture of ``n_steps`` equal parts with what it measures.

    The best one is the smallest; of two weights and 4 steps there are 5 mixtures, of three 15.
    """
    for shares in mixtures(len(generators), n_steps):
        network, _ = average(generators, cards, shares)
        yield Tried(shares, measure(network))


def in_all_styles(generator: Generator) -> Callable[[Tensor], Translation]:
    """Return what puts a stored style on each face, one after the other, where there are any."""
    if not isinstance(generator, StyledGenerator) or not len(generator.shapes):
        return generator
    styled = generator

    def translate(image: Tensor) -> Translation:
        places = [index % len(styled.shapes) for index in range(len(image))]
        return styled(image, styled.styles[places])  # type: ignore[no-any-return]

    return translate


def mixtures(count: int, n_steps: int) -> list[tuple[float, ...]]:
    """Return all shares of ``count`` in steps of ``1 / n_steps`` that add up to 1.

    >>> mixtures(2, 2)
    [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
    """
    parts = itertools.product(range(n_steps + 1), repeat=count)
    return [tuple(part / n_steps for part in p) for p in parts if sum(p) == n_steps]

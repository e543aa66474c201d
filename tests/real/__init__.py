"""Readers of trained networks that other people made, and of the values that they published."""

import os
from dataclasses import dataclass

import numpy as np
import pytest
from oracles import Plain

from real.fetch import FOLDER, is_complete


@dataclass(frozen=True)
class Trained:
    """A network as its authors apply it, with typical inputs (one point a row)."""

    layers: list[Plain]
    x: np.ndarray


def folder():
    """Where the packages are; without them the test is skipped, in CI it fails."""
    if not is_complete():
        message = "the real networks are absent; fetch them with: python tests/real/fetch.py"
        if os.environ.get("CI") or os.environ.get("FASTJAC_REQUIRE_REAL"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return FOLDER


def normalised(layers, mean, scale):
    """The layers behind x -> (x - mean) / scale, folded into the first weights."""
    first = layers[0]
    W = first.W / scale[:, None]
    return [first._replace(W=W, b=first.b - mean @ W), *layers[1:]]


def unnormalised(layers, mean, scale):
    """The layers before y -> y * scale + mean, folded into the last weights, which are affine."""
    last = layers[-1]
    return [*layers[:-1], last._replace(W=last.W * scale, b=last.b * scale + mean)]

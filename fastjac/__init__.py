"""Exact Jacobians of feed-forward neural networks, fast enough for the inside of a simulation."""

from fastjac._config import show_config
from fastjac._version import __version__
from fastjac.activations import ACTIVATIONS
from fastjac.formats import ModelFormatError, from_nnet, from_npz, save_npz
from fastjac.layer import Layer
from fastjac.network import Network
from fastjac.planning import Plan

__all__ = [
    "ACTIVATIONS",
    "Layer",
    "ModelFormatError",
    "Network",
    "Plan",
    "__version__",
    "from_nnet",
    "from_npz",
    "save_npz",
    "show_config",
]

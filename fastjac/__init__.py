"""Exact Jacobians of feed-forward neural networks, fast enough for the inside of a simulation."""

from typing import TYPE_CHECKING

from fastjac._config import get_include, show_config
from fastjac._version import __version__
from fastjac.activations import ACTIVATIONS
from fastjac.custom import register_activation
from fastjac.layer import Layer
from fastjac.network import Network
from fastjac.parts import Affine, Concatenation, Elementwise, LayerNorm, Residual, RMSNorm
from fastjac.planning import Plan
from fastjac.selection import Selection

if TYPE_CHECKING:  # the rest comes from `formats`, by name
    from fastjac.formats.equinox import from_equinox
    from fastjac.formats.errors import ModelFormatError
    from fastjac.formats.flax import from_flax
    from fastjac.formats.keras import from_keras
    from fastjac.formats.keras_file import from_keras_file
    from fastjac.formats.loading import load
    from fastjac.formats.nnet import from_nnet
    from fastjac.formats.npz import from_npz, save_npz
    from fastjac.formats.onnx import from_onnx
    from fastjac.formats.sklearn import from_sklearn
    from fastjac.formats.state_dict import from_state_dict
    from fastjac.formats.torch import from_torch

__all__ = [
    "ACTIVATIONS",
    "Affine",
    "Concatenation",
    "Elementwise",
    "Layer",
    "LayerNorm",
    "ModelFormatError",
    "Network",
    "Plan",
    "RMSNorm",
    "Residual",
    "Selection",
    "__version__",
    "from_equinox",
    "from_flax",
    "from_keras",
    "from_keras_file",
    "from_nnet",
    "from_npz",
    "from_onnx",
    "from_sklearn",
    "from_state_dict",
    "from_torch",
    "get_include",
    "load",
    "register_activation",
    "save_npz",
    "show_config",
]


def __getattr__(name):
    # The readers are imported when one is asked for: `import fastjac` costs little more than NumPy.
    if name in __all__:
        from fastjac import formats

        return getattr(formats, name)
    raise AttributeError(f"module 'fastjac' has no attribute {name!r}")


def __dir__():
    return __all__

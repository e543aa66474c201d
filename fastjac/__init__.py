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

if TYPE_CHECKING:
    from fastjac.formats import (
        ModelFormatError,
        from_equinox,
        from_flax,
        from_keras,
        from_keras_file,
        from_nnet,
        from_npz,
        from_onnx,
        from_sklearn,
        from_state_dict,
        from_torch,
        load,
        save_npz,
    )

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

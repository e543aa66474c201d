"""Readers of networks: of files and of live objects, one file per source; each returns a `fastjac.Network`."""

from fastjac.formats.equinox import from_equinox
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.flax import from_flax
from fastjac.formats.keras import from_keras
from fastjac.formats.keras_file import from_keras_file
from fastjac.formats.loading import load, read_notes
from fastjac.formats.nnet import from_nnet
from fastjac.formats.npz import from_npz, save_npz
from fastjac.formats.onnx import from_onnx
from fastjac.formats.sklearn import from_sklearn
from fastjac.formats.state_dict import from_state_dict
from fastjac.formats.torch import from_torch

__all__ = [
    "ModelFormatError",
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
    "load",
    "read_notes",
    "save_npz",
]

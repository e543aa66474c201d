"""Readers of network files, one file per format; each returns a `fastjac.Network`."""

from fastjac.formats.errors import ModelFormatError
from fastjac.formats.nnet import from_nnet
from fastjac.formats.npz import from_npz, read_notes, save_npz

__all__ = ["ModelFormatError", "from_nnet", "from_npz", "read_notes", "save_npz"]

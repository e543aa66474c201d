"""`load`: the reader for a file, by its suffix."""

import os
from importlib import import_module

from fastjac.formats.errors import ModelFormatError

# Suffix -> module and function; a module is imported when a file asks for it.
READERS = {
    ".safetensors": ("safetensors", "from_safetensors"),
    ".npz": ("npz", "from_npz"),
    ".nnet": ("nnet", "from_nnet"),
    ".keras": ("keras_file", "from_keras_file"),
    ".h5": ("keras_file", "from_keras_file"),
    ".hdf5": ("keras_file", "from_keras_file"),
    ".onnx": ("onnx", "from_onnx"),
}


def load(path, **options):
    """Network of a file: of `Network.save` (``.safetensors``), or of another format by its suffix.

    Parameters
    ----------
    path : str or path-like
        ``.safetensors``, ``.npz`` (see `from_npz`), ``.nnet`` (`from_nnet`), ``.keras``, ``.h5``, ``.hdf5``
        (`from_keras_file`), or ``.onnx`` (`from_onnx`).
    **options
        Those of the reader. All take ``dtype``, float32 or float64: that of the network.

    Returns
    -------
    Network
        J[i, j] in units of output i per unit of input j.

    Raises
    ------
    ModelFormatError
        If the suffix is unknown, or the content is not what the suffix says.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> import fastjac as fj
    >>> net = fj.load("net.safetensors")  # doctest: +SKIP
    """
    suffix = suffix_of(path)
    if suffix not in READERS:
        got = suffix or "no suffix"
        raise ModelFormatError(f"{os.fsdecode(path)}: expected a file {', '.join(READERS)}, got {got}")
    module, name = READERS[suffix]
    return getattr(import_module(f"fastjac.formats.{module}"), name)(path, **options)


def read_notes(path):
    """The notes in a file ``.safetensors`` or ``.npz``: dictionary name -> text, or list of texts.

    Files of other formats have none.

    Raises
    ------
    ModelFormatError, OSError
        As `load`.
    """
    module, _ = READERS.get(suffix_of(path), (None, None))
    if module not in ("safetensors", "npz"):
        return {}
    return import_module(f"fastjac.formats.{module}").read_notes(path)


def suffix_of(path):
    return os.path.splitext(os.fsdecode(path))[1].lower()

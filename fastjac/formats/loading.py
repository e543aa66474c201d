"""`load`: the reader for a file, by its suffix."""

import os

from fastjac import formats
from fastjac.formats.errors import ModelFormatError

# Suffix -> the reader's name in `fastjac.formats`.
READERS = {
    ".safetensors": "from_safetensors",
    ".npz": "from_npz",
    ".nnet": "from_nnet",
    ".keras": "from_keras_file",
    ".h5": "from_keras_file",
    ".hdf5": "from_keras_file",
    ".onnx": "from_onnx",
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
    return getattr(formats, READERS[suffix])(path, **options)


def read_notes(path):
    """The notes in a file ``.safetensors`` or ``.npz``: dictionary name -> text, or list of texts.

    Files of other formats have none.

    Raises
    ------
    ModelFormatError, OSError
        As `load`.
    """
    suffix = suffix_of(path)
    if suffix == ".safetensors":
        from fastjac.formats.safetensors import read_notes
    elif suffix == ".npz":
        from fastjac.formats.npz import read_notes
    else:
        return {}
    return read_notes(path)


def suffix_of(path):
    return os.path.splitext(os.fsdecode(path))[1].lower()

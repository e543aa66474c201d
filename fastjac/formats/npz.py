"""Networks in plain NumPy archives.

For each layer k = 1, 2, ..., L:

    W{k}                     weights, shape (n_in, n_out)
    b{k}                     bias, shape (n_out,); optional, zero if missing
    activation{k}.{name}     a parameter of its activation, for example activation2.negative_slope:
                             one number, one per unit, or a text; optional where it has a default

and for the whole network

    activations              names, text of shape (L,)
    n_carried                units at the end of each layer that have no activation, shape (L,); optional
    skips                    1 where diagonals at the end of W carry units on, else 0, shape (L,); optional
    center                   what is subtracted from the inputs, shape (n_in,); optional

Every other array must be text (one, or a row of them) and is a note: by custom `description`,
`domain`, `names_in`, `units_in`, `names_out`, `units_out`; the last four have one entry per input
or output and are those of the network.
"""

import re

import numpy as np

from fastjac.formats.archive import read_archive, write_archive
from fastjac.formats.errors import ModelFormatError
from fastjac.layer import Layer
from fastjac.network import Network
from fastjac.parts import Affine
from fastjac.saving import fault_in_notes, names_among, own_notes

RESERVED = re.compile(
    r"(?P<array>[Wb])(?P<k>[1-9]\d*)|activation(?P<layer>[1-9]\d*)\.\w+|activations|n_carried|skips|center",
    re.ASCII,
)


def from_npz(path, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a plain NumPy archive.

    Parameters
    ----------
    path : str or path-like
        An archive with arrays ``W1``, ``b1``, ... ``WL``, ``bL`` and ``activations``, as written by
        `save_npz` or ``numpy.savez(path, W1=W1, b1=b1, ..., activations=["tanh", "identity"])``.
        ``W`` is (n_in, n_out); a missing ``b`` is zero. ``activation2.negative_slope`` is the
        parameter ``negative_slope`` of layer 2: one number or one per unit. Further arrays must be
        text; `read_notes` gives them.
    dtype : float32, float64 or None
        Of the network; None means that of the weights.

    Returns
    -------
    Network
        J[i, j] in units of output i per unit of input j.

    Raises
    ------
    ModelFormatError
        If an array is missing, too many, of a wrong shape or dtype; the message names it. Python
        objects are never unpickled.
    OSError
        If the file cannot be opened.
    """
    arrays = read_archive(path)
    n_layers = _check_names(path, arrays)
    layers = []
    for k, name in enumerate(arrays["activations"].tolist(), start=1):
        parameters = {
            key.partition(".")[2]: value.item() if value.ndim == 0 else value
            for key, value in arrays.items()
            if key.startswith(f"activation{k}.")
        }
        try:
            n_carried = int(arrays["n_carried"][k - 1]) if "n_carried" in arrays else 0
            skips = bool(arrays["skips"][k - 1]) if "skips" in arrays else False
            layers.append(Layer(
                arrays[f"W{k}"], arrays.get(f"b{k}"), name, n_carried=n_carried, skips=skips, **parameters))
        except (ValueError, TypeError) as error:
            raise ModelFormatError(f"{path}: layer {k} of {n_layers}: {error}") from error
    try:
        center = [Affine(center=arrays["center"])] if "center" in arrays else []
        return Network([*center, *layers], dtype=dtype, **names_among(arrays))
    except ValueError as error:
        raise ModelFormatError(f"{path}: {error}") from error


def read_notes(path):
    """The notes in an archive: dictionary name -> text, or list of texts.

    Raises
    ------
    ModelFormatError, OSError
        As `from_npz`.
    """
    arrays = read_archive(path)
    _check_names(path, arrays)
    return {key: value.tolist() for key, value in arrays.items() if not RESERVED.fullmatch(key)}


def save_npz(net, path, /, **notes):
    """Write a network so that `from_npz` gives the same one, bit for bit.

    The file appears complete or not at all, and the same network and notes give the same bytes.

    Parameters
    ----------
    net : Network
    path : str or path-like
        Written as it is, no suffix is added.
    **notes : str or sequence of str
        Kept beside the weights, for example ``description="..."``. Names and units of the network are kept, too;
        names that are integers become text.

    Raises
    ------
    TypeError
        If `net` is no network or a note is not text.
    ValueError
        If a note has the name of a weight or parameter, or ``names_in``, ``units_in``,
        ``names_out``, ``units_out`` do not have one entry per input or output.
    OSError
        If the file cannot be written.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net: expected a Network, got {type(net).__name__}")
    arrays = {}
    for k, layer in enumerate(net.layers, start=1):
        arrays[f"W{k}"] = layer.W.astype(net.dtype)
        if layer.b is not None:
            arrays[f"b{k}"] = layer.b.astype(net.dtype)
        for name, value in layer.parameters.items():
            arrays[f"activation{k}.{name}"] = np.asarray(value)
    arrays["activations"] = np.array([layer.activation for layer in net.layers])
    if any(layer.n_carried for layer in net.layers):
        arrays["n_carried"] = np.array([layer.n_carried for layer in net.layers])
    if any(layer.skips for layer in net.layers):
        arrays["skips"] = np.array([layer.skips for layer in net.layers], int)
    if net.center is not None:
        arrays["center"] = net.center.astype(net.dtype)
    own = {kind: list(map(str, names)) for kind, names in own_notes(net).items() if kind not in notes}
    for name, note in (notes | own).items():
        if RESERVED.fullmatch(name):
            raise ValueError(f"expected a name for a note that is no weight or parameter, got {name!r}")
        arrays[name] = _note(name, note)
    fault = fault_in_notes(arrays, net.n_in, net.n_out)
    if fault:
        raise ValueError(fault)
    write_archive(path, arrays)


def _note(name, note):
    array = np.array(note)
    if array.dtype.kind != "U" or array.ndim > 1:
        raise TypeError(f"expected text or a sequence of texts for the note {name!r}, got {note!r}")
    # NumPy's text drops trailing NULs: better an error than a note that comes back changed.
    if array.tolist() != (note if isinstance(note, str) else list(note)):
        raise ValueError(f"expected the note {name!r} without NUL at its end, got {note!r}")
    return array


def _check_names(path, arrays):
    """Number of layers; raise where an array is missing, unexpected or of a wrong shape."""
    activations = arrays.get("activations")
    if activations is None:
        raise ModelFormatError(
            f"{path}: expected an array 'activations' with one name per layer, "
            f"got {', '.join(arrays) or 'an empty archive'}"
        )
    if activations.dtype.kind != "U" or activations.ndim != 1 or activations.size == 0:
        raise ModelFormatError(
            f"{path}: expected 'activations' as text of shape (n_layers,), "
            f"got {activations.dtype} of shape {activations.shape}"
        )
    n_layers = activations.size
    for k in range(1, n_layers + 1):
        if f"W{k}" not in arrays:
            raise ModelFormatError(f"{path}: expected W1 to W{n_layers} as in 'activations', got no W{k}")
        _check_shape(path, arrays, f"W{k}", "(n_in, n_out)")
    for key, array in arrays.items():
        known = RESERVED.fullmatch(key)
        if known is None:
            if array.dtype.kind != "U" or array.ndim > 1:
                raise ModelFormatError(
                    f"{path}: expected W, b, activations, parameters and text, "
                    f"got {key!r} with {array.dtype} of shape {array.shape}"
                )
            continue
        k = int(known["k"] or known["layer"] or 1)
        if k > n_layers:
            raise ModelFormatError(f"{path}: expected {n_layers} layers as in 'activations', got {key!r}")
        if known["array"] == "b":
            _check_shape(path, arrays, key, f"({arrays[f'W{k}'].shape[1]},)")
    for key, n in (("n_carried", n_layers), ("skips", n_layers), ("center", arrays["W1"].shape[0])):
        if key in arrays:
            _check_shape(path, arrays, key, f"({n},)")
    for key in ("n_carried", "skips"):
        if key in arrays and arrays[key].dtype.kind not in "iu":
            raise ModelFormatError(f"{path}: expected {key!r} as integers, got {arrays[key].dtype}")
    fault = fault_in_notes(arrays, arrays["W1"].shape[0], arrays[f"W{n_layers}"].shape[1])
    if fault:
        raise ModelFormatError(f"{path}: {fault}")
    return n_layers


def _check_shape(path, arrays, key, expected):
    array = arrays[key]
    fits = array.ndim == 2 if expected == "(n_in, n_out)" else str(array.shape) == expected
    if array.dtype.kind == "U" or array.size == 0 or not fits:
        raise ModelFormatError(
            f"{path}: expected {key!r} as numbers of shape {expected}, "
            f"got {array.dtype} of shape {array.shape}"
        )

"""What the readers of live objects share: whose class an object is, its arrays, the network of its layers.

Nothing is imported from a framework: a class is known by its name and by the package that defines it.
"""

from contextlib import contextmanager
from inspect import getattr_static

import numpy as np

from fastjac.formats.errors import ModelFormatError
from fastjac.formats.links import check_made
from fastjac.layer import Layer
from fastjac.lowering import Lowering
from fastjac.network import Network
from fastjac.parts import Affine, LayerNorm, Residual, RMSNorm

HALF = ("float16", "bfloat16")


def fail(place, expected, got):
    raise ModelFormatError(f"{place}: expected {expected}, got {got}")


@contextmanager
def errors_at(place):
    """Errors of layers and networks become those of readers, with the place in the object."""
    try:
        yield
    except ModelFormatError:
        raise
    except (TypeError, ValueError) as error:
        raise ModelFormatError(f"{place}: {error}") from error


def library_class(x, package, methods, place, otherwise=""):
    """Name of the class of `package` that x is, or inherits from without redefining one of `methods`.

    `otherwise` says what else there is for one that does redefine it.
    """
    for cls in type(x).__mro__:
        if cls.__module__.partition(".")[0] == package:
            break
    else:
        fail(place, f"an object of {package}", type(x).__name__)
    for name in methods:
        of_its_own = getattr_static(type(x), name, None) is not getattr_static(cls, name, None)
        if of_its_own or name in getattr(x, "__dict__", {}):
            got = f"{type(x).__name__} with its own {name}{otherwise}"
            fail(place, f"a {cls.__name__} as {package} defines it", got)
    return cls.__name__


def as_array(x, place):
    """An array of a framework as one of NumPy, float32 or float64; half precision is widened, exactly."""
    try:
        if hasattr(x, "detach"):  # a tensor of torch, with or without a gradient, on any device
            x = x.detach().cpu()
            if str(x.dtype).rpartition(".")[2] in HALF:
                x = x.float()
        array = np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelFormatError(f"{place}: expected an array of numbers, got {type(x).__name__}: {error}") from error
    if array.dtype.name in HALF:
        array = array.astype(np.float32)
    if array.dtype.name not in ("float32", "float64"):
        fail(place, "float16, bfloat16, float32 or float64", f"{array.dtype}")
    return array


def as_row(x, place):
    """Numbers of a framework as a float, or as a float64 array with one number per unit."""
    array = np.squeeze(as_array(x, place)).astype(np.float64)
    if array.ndim > 1:
        fail(place, "a number or one per unit", f"shape {np.shape(x)}")
    return array.item() if array.ndim == 0 else array


def make_dense(W, b, place, activation="identity", **parameters):
    """Layer of W (n_in, n_out) and b, which may be None."""
    W = as_array(W, f"{place}: weights")
    b = None if b is None else as_array(b, f"{place}: bias")
    with errors_at(place):
        return Layer(W, b, activation, **parameters)


def make_batch_norm(mean, variance, epsilon, scale, shift, place):
    """Affine layer of batch normalisation with the statistics of the training; scale and shift may be None."""
    variance = np.asarray(as_row(variance, f"{place}: variance")) + epsilon
    if not np.all(variance > 0):
        fail(place, "variances above 0", f"{variance.min()}")
    scale = 1.0 if scale is None else as_row(scale, f"{place}: scale")
    shift = 0.0 if shift is None else as_row(shift, f"{place}: shift")
    with errors_at(place):
        return Affine(scale=scale / np.sqrt(variance), shift=shift, center=as_row(mean, f"{place}: mean"))


def make_norm(n, scale, shift, epsilon, place, takes_mean=True):
    """Parts of a normalisation over n units, of their mean or of the root mean square; scale and shift may be None."""
    scale = np.broadcast_to(1.0 if scale is None else as_row(scale, f"{place}: scale"), n)
    shift = None if shift is None else as_row(shift, f"{place}: shift")
    with errors_at(place):
        norm = (LayerNorm if takes_mean else RMSNorm)(scale, epsilon=float(epsilon))
        return [norm] if shift is None else [norm, Affine(shift=shift)]


def make_network(parts, source, dtype, names_in=None):
    """Network of pairs (place, part), in the dtype of its weights if `dtype` is None.

    What comes before the first part that has a width works unit by unit and is as wide as that.
    """
    layers = [part for _, part in parts]
    n_in = next(filter(None, map(_width, layers)), None)
    if n_in is None:
        fail(source, "at least one dense layer", "none")
    with errors_at(source):
        check_made(layers, n_in)
    if _width(layers[0]) is None:
        parts = [(source, Affine(shift=np.zeros(n_in))), *parts]  # says the width and does nothing else
    dtype = dtype_of_weights(layers) if dtype is None else dtype
    try:
        return Network([part for _, part in parts], dtype=dtype, names_in=names_in)
    except (TypeError, ValueError):
        lowering = Lowering(None)
        for place, part in parts:  # once more, to say where
            with errors_at(place):
                lowering.add(part)
        with errors_at(source):
            raise


def dtype_of_weights(parts):
    """float32 if all weights are, else float64; normalisations do not count."""
    return np.result_type(*([W.dtype for W in _weights(parts)] or [np.float64]))


def _width(part):
    """Inputs of a part that says so, else None."""
    if isinstance(part, Layer):
        return part.n_in
    if isinstance(part, Residual):
        return next(filter(None, map(_width, _parts_of(part))), None)
    return part.affine.n if isinstance(part, LayerNorm) else getattr(part, "n", None)


def _weights(parts):
    for part in parts:
        if isinstance(part, Layer):
            yield part.W
        elif isinstance(part, Residual):
            yield from _weights(_parts_of(part))


def _parts_of(block):
    return block.layers if block.skip is None else (block.skip, *block.layers)

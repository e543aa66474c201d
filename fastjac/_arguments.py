"""Checks and conversions of what a caller passes: the one place where arrays are validated.

The methods of a network come here with everything but a plain point. Below this file, arrays are
contiguous, aligned, of the network's dtype and of the right shape.
"""

import math
import operator
import os
from itertools import zip_longest

import numpy as np

from fastjac import _names, _tables

# Most dimensions that NumPy has, since 2.0.
MAX_NDIM = 64


def as_points(x, n, name, names=None):
    """`x` as a base-class array of shape (..., n) of a real dtype; neither copied nor cast if it is one.

    A table is taken by the `names` of its columns, where there are some.

    Raises
    ------
    TypeError
        If `x` is masked, not in memory, or of a dtype that is not an integer or a float of up to 64 bits.
    ValueError
        If `x` has no dimensions, is ragged, its last dimension is not `n`, or a table has not all columns.
    """
    x = as_real(x, name, names, n)
    if x.ndim == 0:
        raise ValueError(f"{name}: expected shape (..., {n}), got a scalar")
    if x.shape[-1] != n:
        raise ValueError(f"{name}: expected shape (..., {n}), got {x.shape}")
    return x


def as_real(x, name, names=None, n=None, n_axes=1):
    """`x` as a base-class array of any shape and a real dtype of up to 64 bits; raises as `as_points`.

    What `names`, `n` and `n_axes` are `fastjac._tables.plain` says.
    """
    if type(x) is not np.ndarray:
        x = _tables.plain(x, name, names, n, n_axes)
        if not isinstance(x, np.ndarray) and hasattr(x, "__dlpack__"):
            x = _from_dlpack(x)
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of numbers, got a {type(x).__name__}: {error}") from None
    except (RuntimeError, TypeError) as error:
        raise TypeError(f"{name}: expected an array of numbers, got a {type(x).__name__}: {error}") from error
    if x.dtype.kind not in "iuf":
        raise TypeError(f"{name}: expected real numbers, got dtype {x.dtype}")
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        raise TypeError(f"{name}: expected float64 or a lower precision, got dtype {x.dtype}; cast it first")
    return x


def _from_dlpack(x):
    try:
        return np.from_dlpack(x)
    except (BufferError, RuntimeError):
        # On another device, or with a gradient to be recorded: its own __array__ says what to do.
        return x


def as_index(index, n, name, names=None):
    """Slice, sequence of integers or of `names`, or mask `index` into n places as an array of indices from 0.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If nothing is selected, it has not one dimension, a mask has not n elements, or no place has a name.
    IndexError
        If there is no such place.
    """
    if isinstance(index, slice):
        chosen = np.arange(n)[_as_slice(index, name)]
    else:
        texts, chosen = _as_indices(index, name)
        if texts is not None:
            chosen = _named_places(texts, names, name)
    if chosen.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got shape {chosen.shape}")
    if chosen.dtype == bool:
        if len(chosen) != n:
            raise ValueError(f"{name}: expected a mask of {n} elements, got {len(chosen)}")
        chosen = np.flatnonzero(chosen)
    if not len(chosen):
        raise ValueError(f"{name}: expected at least one index, got none")
    outside = chosen[(chosen < -n) | (chosen >= n)]
    if len(outside):
        raise IndexError(f"{name}: expected indices from {-n} to {n - 1}, got {outside[0]}")
    chosen = chosen.astype(np.intp)  # first, as n may be too large for a small type
    return np.where(chosen < 0, chosen + n, chosen)


def index_key(index, name):
    """What tells `index` from others in a dictionary."""
    if index is None:
        return None
    if isinstance(index, slice):
        found = _as_slice(index, name)
        return found.start, found.stop, found.step
    texts, array = _as_indices(index, name)
    if texts is not None:
        return texts, "names"
    return array.shape, array.tobytes(), array.dtype  # with its byte order: the same bytes are other numbers in another


def _as_slice(index, name):
    bounds = index.start, index.stop, index.step
    for bound in bounds:
        if bound is not None and not hasattr(bound, "__index__"):
            raise TypeError(f"{name}: expected a slice, integers or a mask, got {index!r}")
    return slice(*(None if bound is None else operator.index(bound) for bound in bounds))


def _as_indices(index, name):
    """Texts, or an array of integers or bool; the other is None."""
    if type(index) not in (np.ndarray, list, tuple):
        index = _tables.plain_index(index, name)
    try:
        array = np.asarray(index)
    except ValueError:
        array = np.asarray(None)
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one index, got none")
    if array.dtype.kind in "UTO" and array.ndim == 1 and all(isinstance(item, str) for item in index):
        return tuple(map(str, index)), None
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name}: expected a slice, integers or a mask, or a sequence of names, got {index!r}")
    return None, array


def _named_places(texts, names, name):
    if names is None:
        raise TypeError(f"{name}: expected a slice, integers or a mask, as there are no names, "
                        f"got {_names.listed(texts)}")
    place = {str(known): k for k, known in enumerate(names)}
    unknown = [text for text in texts if text not in place]
    if unknown:
        raise ValueError(f"{name}: expected some of the names {_names.listed(names)}, got {_names.listed(unknown)}")
    return np.array([place[text] for text in texts], np.intp)


def broadcast_leading(x, v, name):
    """The leading dimensions that those of `x` and `v` broadcast to."""
    # np.broadcast_shapes takes half as many dimensions as an array may have.
    pairs = list(zip_longest(x.shape[-2::-1], v.shape[-2::-1], fillvalue=1))
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        raise ValueError(
            f"{name}: expected leading dimensions that broadcast with those of x, {x.shape[:-1]}, "
            f"got {v.shape[:-1]}"
        )
    return tuple(n if m == 1 else m for m, n in reversed(pairs))


def contiguous(x, leading, dtype, outputs):
    """`x` C-contiguous, aligned, in native `dtype`, with these leading dimensions, apart from `outputs`.

    Copied only if needed.
    """
    if x.shape[:-1] != leading:
        x = np.broadcast_to(x, leading + x.shape[-1:])
    # What is beyond float32 becomes infinity or zero, whatever NumPy is set to say about it.
    with np.errstate(all="ignore"):
        x = np.require(x, dtype, ["C", "A"])
    if any(np.may_share_memory(x, output) for output in outputs):
        x = x.copy()
    return x


def new_result(shape, dtype):
    """An array for a result; MemoryError with the size if there is no room for it."""
    if len(shape) > MAX_NDIM:
        raise ValueError(f"x: expected a result of at most {MAX_NDIM} dimensions, got {len(shape)}")
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError, OverflowError):
        nbytes = math.prod(shape) * dtype.itemsize
        raise MemoryError(f"no room for a result of shape {shape}, {dtype}: {nbytes:,} bytes") from None


def check_result(out, shape, dtype, name):
    """Raise unless `out` can take a result of this shape and dtype.

    Raises
    ------
    TypeError
        If `out` is no plain array or of another dtype or byte order.
    ValueError
        If its shape is another, if it is read-only, or if some of its elements share memory.
    """
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array, got {type(out).__name__}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise TypeError(f"{name}: expected dtype {dtype}, got {out.dtype.str if out.dtype.kind == 'f' else out.dtype}")
    if out.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {out.shape}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: expected a writeable array, got a read-only one")
    if not _elements_are_apart(out):
        raise ValueError(f"{name}: expected an array whose elements are apart, got strides {out.strides}: overlap")


def _elements_are_apart(out):
    """Whether each stride steps over all that the smaller ones reach: sufficient, not necessary."""
    if out.size == 0:
        return True
    reach = out.itemsize
    for stride, n in sorted((abs(stride), n) for stride, n in zip(out.strides, out.shape) if n > 1):
        if stride < reach:
            return False
        reach += stride * (n - 1)
    return True


def share_elements(first, second):
    """Whether two arrays have an element in common; also True where that is too hard to tell."""
    try:
        return np.shares_memory(first, second, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


def element_strides(out, n_leading):
    """Strides in elements of `out` seen as (points, *core), or None if it cannot be seen so in place."""
    axes = [(n, stride) for n, stride in zip(out.shape[:n_leading], out.strides) if n != 1]
    for (_, outer), (n, inner) in zip(axes, axes[1:]):
        if outer != n * inner:
            return None
    strides = (axes[-1][1] if axes else 0, *out.strides[n_leading:])
    if not out.flags.aligned or any(stride % out.itemsize for stride in strides):
        return None
    return tuple(stride // out.itemsize for stride in strides)


def n_workers(workers):
    """Number of threads for `workers=`: SciPy's convention, −1 being all cores that the process may use."""
    try:
        n = operator.index(workers)
    except TypeError:
        raise TypeError(f"workers: expected an integer, got {type(workers).__name__}") from None
    if n == -1:
        return n_cores()
    if n < 1:
        raise ValueError(f"workers: expected a positive number or -1 for all cores, got {n}")
    return n


def n_cores():
    """Cores that this process may use."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""Operators on constants alone: shapes that a file computes, and numbers that an exporter did not fold."""

import numpy as np

from fastjac.formats._onnx.arrangement import SLICE
from fastjac.formats._onnx.messages import BOOL, DOUBLE, FLOAT
from fastjac.formats._onnx.shapes import BATCH, MOST_UNITS
from fastjac.formats.errors import ModelFormatError


def constant(node):
    """The operator Constant."""
    for name, dtype in (("value", None), ("value_float", np.float32), ("value_floats", np.float32),
                        ("value_int", np.int64), ("value_ints", np.int64)):
        if name in node.attributes:
            return np.asarray(node.attributes[name], dtype)
    raise ModelFormatError(f"expected the attribute value, got {', '.join(node.attributes) or 'none'}")


def _cast(node, a):
    to = node.attribute("to", 0)
    if a.dtype.kind == "i" and to not in (FLOAT, DOUBLE, BOOL):
        return a
    if to not in (FLOAT, DOUBLE) or np.any(a == BATCH):
        raise ModelFormatError("expected a conversion to float or double")
    return a.astype(np.float32 if to == FLOAT else np.float64)


def _slice(node, a, *_):
    starts, ends, axes, steps = (node.integers(name, i) for i, name in enumerate(SLICE, 1))
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = k if axes is None else axes[k]
        index = [slice(None)] * a.ndim
        index[axis] = slice(start, end, 1 if steps is None else steps[k])
        a = a[tuple(index)]
    return a


def _squeeze(node, a, *_):
    axes = node.integers("axes", 1)
    return a.squeeze(None if axes is None else tuple(axes))


MOVES = {
    "Identity": lambda node, a: a,
    "Cast": _cast,
    "Reshape": lambda node, a, shape: a.reshape(
        [a.shape[i] if n == 0 and not node.attribute("allowzero", 0) else n for i, n in enumerate(shape)]),
    "Transpose": lambda node, a: a.transpose(node.integers("perm", 1)),
    "Squeeze": _squeeze,
    "Unsqueeze": lambda node, a, *_: np.expand_dims(a, tuple(node.integers("axes", 1))),
    "Gather": lambda node, a, indices: np.take(a, indices, node.attribute("axis", 0)),
    "Slice": _slice,
    "Concat": lambda node, *arrays: np.concatenate(arrays, node.attribute("axis", 0)),
}
ARITHMETIC = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Exp": np.exp,
    "Log": np.log,
}


def fold(node):
    """The result of a node on constants.

    Raises
    ------
    ModelFormatError
        If the operator is no such one, or would make much out of little.
    """
    arrays = node.inputs
    try:
        if node.op_type in ARITHMETIC:
            if any(a.dtype.kind != "f" for a in arrays):
                raise ModelFormatError(f"expected numbers of float or double, got {arrays[0].dtype}")
            if np.prod(np.broadcast_shapes(*(a.shape for a in arrays)), dtype=object) > max(
                MOST_UNITS, *(a.size for a in arrays), 0
            ):
                raise ModelFormatError(f"expected a constant of at most {MOST_UNITS} numbers")
            with np.errstate(all="ignore"):
                return np.asarray(ARITHMETIC[node.op_type](*arrays))
        if node.op_type in MOVES:
            return np.asarray(MOVES[node.op_type](node, *arrays))
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, ModelFormatError):
            raise
        raise ModelFormatError(f"expected operands that fit, got: {error}") from error
    raise ModelFormatError("expected an input that depends on the network's input, got constants only")

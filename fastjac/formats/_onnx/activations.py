"""Rules of the operators that are an activation."""

import numpy as np

from fastjac.formats._onnx import shapes, spellings
from fastjac.formats._onnx.values import ZERO, Affine, Unary


def unary(name, **attributes):
    """Rule of an activation; attributes are parameter=(attribute, default)."""

    def rule(node):
        parameters = {key: node.real(*pair) for key, pair in attributes.items()}
        return node.then(node.value, Unary(name, parameters))

    return rule


def selu(node):
    alpha, gamma = node.real("alpha", 1.6732632423543772), node.real("gamma", 1.0507009873554805)
    is_standard = (alpha, gamma) == (np.float32(1.6732632423543772), np.float32(1.0507009873554805))
    if is_standard and node.value.dtype == np.float32:
        return node.then(node.value, Unary("selu"))
    return node.then(node.value, Unary("elu", {"alpha": alpha}), Affine(scale=gamma))


def prelu(node):
    slope, shape = node.numbers(node.constant(1), node.value)
    return node.then(node.value, Unary("prelu", {"slope": slope}), shape=shape)


def gelu(node):
    approximate = node.attribute("approximate", "none")
    node.require(approximate in ("none", "tanh"), "approximate 'none' or 'tanh'", repr(approximate))
    return node.then(node.value, Unary("gelu_tanh" if approximate == "tanh" else "gelu"))


def swish(node):
    alpha = node.real("alpha", 1.0)
    if alpha == 1:
        return node.then(node.value, Unary("silu"))
    return node.then(node.value, Unary("speculator", {"alpha": alpha, "beta": ZERO}))


def shrink(node):
    bias, threshold = node.real("bias", 0.0), node.real("lambd", 0.5)
    if bias == threshold:
        return node.then(node.value, Unary("soft_shrink", {"threshold": threshold}))
    node.require(bias == 0, "bias 0 or equal to lambd", bias)
    return node.then(node.value, Unary("hard_shrink", {"threshold": threshold}))


def softmax(name):
    def rule(node):
        value = node.value
        axis = node.attribute("axis", -1 if node.opset >= 13 else 1)
        node.require(-len(value.shape) <= axis < max(len(value.shape), 1), "an axis of the input", axis)
        axis %= len(value.shape)
        if node.opset >= 13:
            n = value.shape[axis]
        else:  # over all axes from this one on
            n = 0 if shapes.BATCH in value.shape[axis:] else shapes.n_units(value.shape[axis:])
        node.require(n == value.link.n, f"an axis with all {value.link.n} numbers of a point", axis)
        return node.then(value, Unary(name))

    return rule


def clip(node):
    value = node.value
    bounds = []
    for i, (name, missing) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
        bound = np.asarray(node.attribute(name, missing)) if node.opset < 11 else node.optional(i)
        bound = np.asarray(missing if bound is None else bound)
        node.require(bound.ndim == 0 and bound.dtype.kind == "f", f"a number as {name}",
                     f"{bound.dtype} of shape {bound.shape}")
        bounds.append(bound.astype(np.float64))
    return bounded(node, value, *bounds)


def bounded(node, value, low, high):
    if np.all(low == -np.inf) and np.all(high == np.inf):
        return value
    return node.then(value, spellings.clip(low, high))

"""Rules of sums, products and powers."""

import numpy as np

from fastjac.formats._onnx import norms, spellings
from fastjac.formats._onnx.node import same_shape
from fastjac.formats._onnx.values import ONE, ZERO, Affine, Unary, Value


def add(node):
    return sum_of(node, *node.operands(2))


def add_all(node):
    first, *others = node.operands()
    for other in others:
        first = sum_of(node, first, other) if isinstance(first, Value) or isinstance(other, Value) else first + other
    return first


def subtract(node):
    u, v = node.operands(2)
    if isinstance(u, Value) and not isinstance(v, Value):
        center, shape = node.numbers(v, u)
        return node.then(u, Affine(center=center), shape=shape)
    if isinstance(u, Value) and (centred := norms.centred(node, u, v)) is not None:
        return centred
    return sum_of(node, u, node.then(v, Affine(scale=-ONE)))


def sum_of(node, u, v):
    if isinstance(u, Value) and isinstance(v, Value):
        same_shape(node, u, v)
        return Value(spellings.total(u.link, v.link, node.label), u.shape, u.dtype)
    value, constant = (u, v) if isinstance(u, Value) else (v, u)
    shift, shape = node.numbers(constant, value)
    return node.then(value, Affine(shift=shift), shape=shape)


def multiply(node):
    u, v = node.operands(2)
    if isinstance(u, Value) and isinstance(v, Value):
        if (normalised := norms.normalised(node, u, v) or norms.normalised(node, v, u)) is not None:
            return normalised
        same_shape(node, u, v)
        return Value(spellings.product(u.link, v.link, node.label, u.tolerance), u.shape, u.dtype)
    value, constant = (u, v) if isinstance(u, Value) else (v, u)
    scale, shape = node.numbers(constant, value)
    return node.then(value, Affine(scale=scale), shape=shape)


def divide(node):
    u, v = node.operands(2)
    if not isinstance(v, Value):
        divisor, shape = node.numbers(v, u)
        node.require(np.all(divisor != 0), "divisors other than 0", 0)
        return node.then(u, Affine(scale=1 / divisor), shape=shape)
    inverse = node.then(v, Unary("reciprocal"))
    if not isinstance(u, Value):
        scale, shape = node.numbers(u, v)
        return node.then(inverse, *([] if np.all(scale == 1) else [Affine(scale=scale)]), shape=shape)
    if (normalised := norms.normalised(node, u, inverse)) is not None:
        return normalised
    same_shape(node, u, v)
    return Value(spellings.product(u.link, inverse.link, node.label, u.tolerance), u.shape, u.dtype)


def power(node):
    base, exponent = node.operands(2)
    if isinstance(base, Value):
        exponent = node.constant(1)
        node.require(exponent.size == 1, "one number as exponent", f"shape {exponent.shape}")
        steps = {1: (), 2: (Unary("square"),), 3: (Unary("cubic", {"linear": ZERO, "cubic": ONE}),),
                 0.5: (Unary("sqrt"),), -0.5: (Unary("sqrt"), Unary("reciprocal")), -1: (Unary("reciprocal"),)}
        node.require(exponent.item() in steps, "the exponent 1 or 2", exponent.item())
        _, shape = node.numbers(exponent, base)
        return node.then(base, *steps[exponent.item()], shape=shape)
    base, shape = node.numbers(base, exponent)
    node.require(np.all(base > 0), "a base greater than 0", base.min())
    return node.then(exponent, Affine(scale=np.log(base)), Unary("exp"), shape=shape)


def negative(node):
    return node.then(node.value, Affine(scale=-ONE))

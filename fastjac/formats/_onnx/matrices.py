"""Rules of the operators that are a layer of weights or of one factor for a unit."""

import numpy as np

from fastjac.formats._onnx import shapes
from fastjac.formats._onnx.arithmetic import sum_of
from fastjac.formats._onnx.values import Affine, Dense, Value


def product_of(node, u, v):
    """u @ v with one constant, as a layer."""
    value, W, is_left = (v, u, True) if isinstance(v, Value) else (u, v, False)
    node.require(not isinstance(W, Value), "a constant matrix", "two values that depend on the input")
    node.require(W.dtype.kind == "f" and W.ndim >= 2 and W.size == W.shape[-1] * W.shape[-2], "a matrix of numbers",
                 f"{W.dtype} of shape {W.shape}")
    extra = W.ndim - max(len(value.shape), 2)
    shape = [1] * extra + list(value.shape)
    W = W.reshape(W.shape[-2:])
    W = W.T if is_left else W
    axis = -2 if is_left and len(shape) > 1 else -1
    node.require(shape[axis] == value.link.n == W.shape[0], f"weights for {value.link.n} inputs on axis {axis}",
                 f"weights {W.shape} and the shape {shapes.text(shape)}")
    shape[axis] = W.shape[1]
    return node.then(value, Dense(W), n=W.shape[1], shape=shape)


def matmul(node):
    return product_of(node, *node.operands(2))


def gemm(node):
    n_inputs = len(node.inputs)
    complete = not any(operand is None for operand in node.inputs[:2])
    node.require(n_inputs in (2, 3) and complete, "2 or 3 inputs", n_inputs)
    operands = []
    for operand, name in zip(node.inputs, ("transA", "transB")):
        if node.attribute(name, 0):
            if isinstance(operand, Value):
                node.require(len(operand.shape) == 2, "two axes", len(operand.shape))
                operand = Value(operand.link, operand.shape[::-1], operand.dtype)
            else:
                operand = operand.T
        operands.append(operand)
    node.require(all(len(operand.shape) == 2 for operand in operands), "two matrices",
                 " and ".join(str(len(operand.shape)) + " axes" for operand in operands))
    result = product_of(node, *operands)
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    if alpha != 1:
        result = node.then(result, Affine(scale=alpha))
    addend = node.input(2)
    if addend is None or beta == 0:
        return result
    if beta != 1:
        if isinstance(addend, Value):
            addend = node.then(addend, Affine(scale=beta))
        else:
            addend = beta * addend.astype(np.float64)
    return sum_of(node, result, addend)


def batch_normalization(node):
    value = node.value
    node.require(not node.attribute("training_mode", 0), "evaluation mode", "training_mode = 1")
    scale, shift, mean, variance = (node.constant(i) for i in range(1, 5))
    shape = value.shape
    node.require(len(shape) > 1 and node.attribute("spatial", 1), "one mean per channel", "another shape")
    node.require(shapes.BATCH not in shape[1:], "channels on the axis behind the points", shapes.text(shape))
    variance = variance.astype(np.float64) + node.real("epsilon", 1e-5)
    node.require(np.all(variance > 0), "variances greater than 0", variance.min())
    constants = [scale / np.sqrt(variance), shift, mean]
    aligned = []
    for constant in constants:
        node.require(constant.shape == (shape[1],), f"{shape[1]} numbers per constant", f"shape {constant.shape}")
        aligned.append(node.numbers(constant.reshape(-1, *[1] * (len(shape) - 2)), value)[0])
    return node.then(value, Affine(*aligned))


def scaler(node):
    value = node.value
    steps = []
    for name, make in (("offset", lambda c: Affine(center=c)), ("scale", lambda c: Affine(scale=c))):
        constant = node.array(name, "f")
        if constant is not None:
            steps.append(make(node.numbers(constant, value)[0]))
    return node.then(value, *steps)

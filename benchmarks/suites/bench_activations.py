"""Each activation: value and derivative of one layer of many units, most of whose cost is f and f'."""

import math
from functools import lru_cache

import numpy as np

import fastjac as fj

N_UNITS = 4096
STEP = 1e-6

erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(h):
    return 1 / (1 + np.exp(-h))


def softplus(h):
    return np.logaddexp(0, h)


VALUES = {  # textbook values with the default parameters, or with those of PARAMETERS
    "identity": lambda h: h,
    "relu": lambda h: np.maximum(h, 0),
    "relu6": lambda h: np.clip(h, 0, 6),
    "leaky_relu": lambda h: np.where(h > 0, h, 0.01 * h),
    "prelu": lambda h: np.where(h > 0, h, 0.25 * h),
    "thresholded_relu": lambda h: np.where(h > 1, h, 0),
    "elu": lambda h: np.where(h > 0, h, np.expm1(h)),
    "selu": lambda h: 1.0507009873554805 * np.where(h > 0, h, 1.6732632423543772 * np.expm1(h)),
    "celu": lambda h: np.where(h > 0, h, np.expm1(h)),
    "hard_tanh": lambda h: np.clip(h, -1, 1),
    "hard_sigmoid": lambda h: np.clip(h / 6 + 0.5, 0, 1),
    "hard_swish": lambda h: h * np.clip(h / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "log_sigmoid": lambda h: -softplus(-h),
    "softplus": softplus,
    "softsign": lambda h: h / (1 + abs(h)),
    "silu": lambda h: h * sigmoid(h),
    "mish": lambda h: h * np.tanh(softplus(h)),
    "gelu": lambda h: h * (1 + erf(h / math.sqrt(2))) / 2,
    "tanh_shrink": lambda h: h - np.tanh(h),
    "soft_shrink": lambda h: np.sign(h) * np.maximum(abs(h) - 0.5, 0),
    "hard_shrink": lambda h: np.where(abs(h) > 0.5, h, 0),
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
    "erf": erf,
    "gaussian": lambda h: np.exp(-h * h),
    "square": np.square,
    "abs": abs,
    "speculator": lambda h: (0.3 + sigmoid(2 * h) * 0.7) * h,
}
PARAMETERS = {"prelu": {"slope": 0.25}, "speculator": {"alpha": 2.0, "beta": 0.3}}


@lru_cache(maxsize=1)
def prepared(activation, dtype):
    """The network and its point: one input of 1, so that the weights are the pre-activations."""
    layer = fj.Layer(pre_activations(dtype)[None], None, activation, **PARAMETERS.get(activation, {}))
    return fj.Network([layer]), np.ones(1, dtype)


def pre_activations(dtype):
    """From -4 to 4, no kink among them."""
    return np.linspace(-4, 4, N_UNITS).astype(dtype)


class Activation:
    params = (sorted(VALUES), ["float64", "float32"])
    param_names = ("activation", "dtype")

    def time_value(self, activation, dtype):
        net, x = prepared(activation, dtype)
        return net(x)

    def time_value_and_jacobian(self, activation, dtype):
        net, x = prepared(activation, dtype)
        return net.value_and_jacobian(x)

    def reference_value(self, activation, dtype):
        return VALUES[activation](pre_activations(dtype).astype(np.float64))

    def reference_value_and_jacobian(self, activation, dtype):
        f, h = VALUES[activation], pre_activations(dtype).astype(np.float64)
        derivative = (f(h + STEP) - f(h - STEP)) / (2 * STEP)
        return f(h), (derivative * h)[:, None]

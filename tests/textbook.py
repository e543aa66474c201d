"""Activations by their textbook definitions, written once for two kinds of arithmetic.

A definition takes the arithmetic `m` and the pre-activation h; parameters have the library's names.
`Step` is NumPy in clongdouble, where h carries a tiny imaginary part, so that f'(h) comes out as an
imaginary part without a difference of nearby values. `Digits` is mpmath on scalars. At a kink the
branch taken is the one whose derivative the library documents.
"""

import mpmath
import numpy as np

EXTENDED = np.longdouble
SELU_ALPHA = "1.6732632423543772848170429916717"
SELU_SCALE = "1.0507009873554804934193349852946"


class Step:
    """Long double with an imaginary part that is far too small to touch the real one."""

    exp, tanh, sin, cos, arctan, where = np.exp, np.tanh, np.sin, np.cos, np.arctan, np.where

    @staticmethod
    def re(z):
        return z.real

    @staticmethod
    def number(text):
        return EXTENDED(text)

    @staticmethod
    def log1p(z):
        return np.log1p(z.real) + 1j * (z.imag / (1 + z.real))

    @staticmethod
    def expm1(z):
        return np.expm1(z.real) + 1j * (z.imag * np.exp(z.real))

    @staticmethod
    def erfc(z):
        tail, bell = _upper_tail(abs(z.real))
        return np.where(z.real > 0, tail, 2 - tail) - 1j * (z.imag * bell)

    @staticmethod
    def erf(z):
        tail, bell = _upper_tail(abs(z.real))
        near = abs(z.real) < 2
        return np.where(near, bell * _series(np.where(near, z.real, 0)),
                        np.sign(z.real) * (1 - tail)) + 1j * (z.imag * bell)


def _upper_tail(x):
    """erfc(x) and its slope without the sign, x >= 0: a series near 0, a continued fraction beyond."""
    bell = 2 / np.sqrt(EXTENDED("3.14159265358979323846264338327950288")) * np.exp(-x * x)
    far = np.maximum(x, 2)
    fraction = far
    for n in range(80, 0, -1):
        fraction = far + EXTENDED(n) / 2 / fraction
    return np.where(x < 2, 1 - bell * _series(np.minimum(x, 2)), bell / (2 * fraction)), bell


def _series(x):
    """The integral of exp(x^2 - t^2) from 0 to x, |x| <= 2; its terms have one sign and do not cancel."""
    term = total = x
    for n in range(1, 60):
        term = term * (2 * x * x) / (2 * n + 1)
        total = total + term
    return total


class Digits:
    """mpmath numbers, as many digits as `mpmath.mp.dps` says."""

    exp, tanh, sin, cos, arctan = mpmath.exp, mpmath.tanh, mpmath.sin, mpmath.cos, mpmath.atan
    log1p, expm1, erf, erfc = mpmath.log1p, mpmath.expm1, mpmath.erf, mpmath.erfc

    @staticmethod
    def re(x):
        return x

    @staticmethod
    def number(text):
        return mpmath.mpf(text)

    @staticmethod
    def where(condition, a, b):
        return a if condition else b


def sigmoid(m, h):
    # Two ways to write one function; each overflows on the other side.
    return m.where(m.re(h) > 0, 1 / (1 + m.exp(-h)), m.exp(h) / (1 + m.exp(h)))


def softplus(m, h, beta=1):
    t = beta * h
    return m.where(m.re(t) > 0, t + m.log1p(m.exp(-t)), m.log1p(m.exp(t))) / beta


def elu(m, h, alpha=1):
    return m.where(m.re(h) > 0, h, alpha * m.expm1(h))


def hard_tanh(m, h, min=-1, max=1):
    return m.where(m.re(h) >= max, max + 0 * h, m.where(m.re(h) > min, h, min + 0 * h))


def hard_sigmoid(m, h, slope=1 / 6, offset=0.5):
    return hard_tanh(m, slope * h + offset, 0, 1)


def gelu(m, h, approximate="none"):
    if approximate == "tanh":
        pi = m.number("3.14159265358979323846264338327950288419716939937510582")
        # (1 + tanh t) / 2 is sigmoid(2t), which does not cancel.
        return h * sigmoid(m, 2 * (2 / pi) ** 0.5 * (h + h * h * h * m.number("0.044715")))
    return h / 2 * m.erfc(-h / m.number(2) ** 0.5)


def shrink(m, h, threshold, shift):
    outside = m.where(m.re(h) > threshold, h - shift, h + shift)
    return m.where(abs(m.re(h)) > threshold, outside, 0 * h)


TEXTBOOK = {
    "identity": lambda m, h: h,
    "relu": lambda m, h: m.where(m.re(h) > 0, h, 0 * h),
    "relu6": lambda m, h: hard_tanh(m, h, 0, 6),
    "leaky_relu": lambda m, h, negative_slope=0.01: m.where(m.re(h) > 0, h, negative_slope * h),
    "prelu": lambda m, h, slope: m.where(m.re(h) > 0, h, slope * h),
    "thresholded_relu": lambda m, h, theta=1: m.where(m.re(h) > theta, h, 0 * h),
    "elu": elu,
    "selu": lambda m, h: m.number(SELU_SCALE) * elu(m, h, m.number(SELU_ALPHA)),
    "celu": lambda m, h, alpha=1: m.where(m.re(h) > 0, h, alpha * m.expm1(h / alpha)),
    "hard_tanh": hard_tanh,
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": lambda m, h: m.where(
        m.re(h) >= 3, h, m.where(m.re(h) > -3, h * (h + 3) / 6, 0 * h)),
    "tanh": lambda m, h: m.tanh(h),
    "sigmoid": sigmoid,
    "log_sigmoid": lambda m, h: -softplus(m, -h),
    "softplus": softplus,
    "softsign": lambda m, h: h / (1 + m.where(m.re(h) > 0, h, -h)),
    "silu": lambda m, h: h * sigmoid(m, h),
    "mish": lambda m, h: h * m.tanh(softplus(m, h)),
    "gelu": gelu,
    "tanh_shrink": lambda m, h: h - m.tanh(h),
    "soft_shrink": lambda m, h, threshold=0.5: shrink(m, h, threshold, threshold),
    "hard_shrink": lambda m, h, threshold=0.5: shrink(m, h, threshold, 0),
    "exp": lambda m, h: m.exp(h),
    "sin": lambda m, h: m.sin(h),
    "cos": lambda m, h: m.cos(h),
    "arctan": lambda m, h: m.arctan(h),
    "erf": lambda m, h: m.erf(h),
    "gaussian": lambda m, h: m.exp(-h * h),
    "square": lambda m, h: h * h,
    "abs": lambda m, h: m.where(m.re(h) > 0, h, m.where(m.re(h) < 0, -h, 0 * h)),
    "speculator": lambda m, h, alpha, beta: (beta + sigmoid(m, alpha * h) * (1 - beta)) * h,
}

# f(h) = h g(h) with g and h g' of opposite sign somewhere: f' = g + h g' has roots, so its error
# is relative to |g| + |h g'|.
GATED = {"hard_swish", "silu", "mish", "gelu", "speculator"}
ROWWISE = {"softmax", "log_softmax", "rms_norm", "layer_norm"}

"""numba by hand: loops for the vectoriser in both directions, and products by BLAS."""

from functools import partial
from math import exp, tanh

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}  # but not: no infinity, no NaN; exp may overflow
CODES = TANH, RELU, SIGMOID, SILU = range(4)
NAMES = dict(zip(("tanh", "relu", "sigmoid", "silu"), CODES))


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _activate(h, d, code):
    """f(h) in place, and f'(h)."""
    one = h.dtype.type(1)
    if code == RELU:
        for j in range(h.size):
            d[j] = one if h[j] > 0 else h.dtype.type(0)
            h[j] *= d[j]
    elif code == TANH:
        for j in range(h.size):
            h[j] = tanh(h[j])
            d[j] = one - h[j] * h[j]
    elif code == SIGMOID:
        for j in range(h.size):
            h[j] = one / (one + exp(-h[j]))
            d[j] = h[j] * (one - h[j])
    else:
        for j in range(h.size):
            s = one / (one + exp(-h[j]))
            h[j] *= s
            d[j] = s + h[j] * (one - s)


@njit(fastmath=FAST, error_model="numpy")
def _value(Ws, bs, codes, x, a, d):
    """Rows of a: activations of each layer; of d: their derivatives, but for the linear last layer."""
    for k in range(len(Ws)):
        W, b = Ws[k], bs[k]
        n, m = W.shape
        left = x if k == 0 else a[k - 1]
        h = a[k, :m]
        h[:] = b
        for i in range(n):
            v = left[i]
            for j in range(m):
                h[j] += v * W[i, j]
        if k + 1 < len(Ws):
            _activate(h, d[k, :m], codes[k])


@njit(fastmath=FAST, error_model="numpy")
def _forward(Ws, Wts, bs, codes, x, y, J, a, d, blocks):
    for p in range(len(x)):
        _value(Ws, bs, codes, x[p], a, d)
        for k in range(len(Ws)):
            W = Ws[k]
            n, m = W.shape
            T, left = blocks[k % 2], blocks[1 - k % 2]
            for r in range(x.shape[1]):
                row = T[r, :m]
                if k == 0:
                    row[:] = W[r]
                else:
                    row[:] = 0
                    for i in range(n):
                        v = left[r, i]
                        for j in range(m):
                            row[j] += v * W[i, j]
                if k + 1 < len(Ws):
                    for j in range(m):
                        row[j] *= d[k, j]
        y[p] = a[len(Ws) - 1, : y.shape[1]]
        J[p] = T[: x.shape[1], : y.shape[1]].T


@njit(fastmath=FAST, error_model="numpy")
def _reverse(Ws, Wts, bs, codes, x, y, J, a, d, blocks):
    last = len(Ws) - 1
    for p in range(len(x)):
        _value(Ws, bs, codes, x[p], a, d)
        for k in range(last, -1, -1):
            Wt = Wts[k]
            m, n = Wt.shape
            R, left = blocks[k % 2], blocks[1 - k % 2]
            for r in range(y.shape[1]):
                row = R[r, :n]
                if k == last:
                    row[:] = Wt[r]
                else:
                    row[:] = 0
                    for i in range(m):
                        v = left[r, i] * d[k, i]
                        for j in range(n):
                            row[j] += v * Wt[i, j]
        y[p] = a[last, : y.shape[1]]
        J[p] = R[: y.shape[1], : x.shape[1]]


@njit(fastmath=FAST, error_model="numpy")
def _forward_blas(Ws, Wts, bs, codes, x, y, J, a, d, blocks):
    for p in range(len(x)):
        _value(Ws, bs, codes, x[p], a, d)
        T = Ws[0] * d[0, : Ws[0].shape[1]]
        for k in range(1, len(Ws)):
            T = np.dot(T, Ws[k])
            if k + 1 < len(Ws):
                T *= d[k, : T.shape[1]]
        y[p] = a[len(Ws) - 1, : y.shape[1]]
        J[p] = T.T


def by_hand(case):
    Ws = tuple(W.copy() for W, _, _ in case.layers)  # not read-only: one type for all
    Wts = tuple(np.ascontiguousarray(W.T) for W in Ws)
    bs = tuple(b.copy() for _, b, _ in case.layers)
    codes = np.array([NAMES[name] for _, _, name in case.layers[:-1]])
    width = max(case.widths)
    a, d = np.zeros((2, len(Ws), width), case.dtype)
    blocks = np.zeros((2, max(case.n_in, case.n_out), width), case.dtype)
    y, J = case.empty()
    batch = [np.atleast_2d(case.x), y.reshape(-1, case.n_out), J.reshape(-1, case.n_out, case.n_in)]

    def call(function):
        function(Ws, Wts, bs, codes, *batch, a, d, blocks)
        return y, J

    functions = {"forward": _forward, "reverse": _reverse, "forward, BLAS": _forward_blas}
    return {name: partial(call, function) for name, function in functions.items()}

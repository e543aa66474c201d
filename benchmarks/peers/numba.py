"""numba by hand: loops for the vectoriser in both directions, and products by BLAS."""

from functools import partial
from math import tanh

import numpy as np
from numba import njit


@njit(fastmath=True, error_model="numpy", inline="always")
def _activate(h, d, relu):
    """f(h) in place, and f'(h)."""
    for j in range(h.size):
        if relu:
            d[j] = h.dtype.type(1) if h[j] > 0 else h.dtype.type(0)
            h[j] *= d[j]
        else:
            h[j] = tanh(h[j])
            d[j] = 1 - h[j] * h[j]


@njit(fastmath=True, error_model="numpy")
def _value(Ws, bs, relu, x, a, d):
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
            _activate(h, d[k, :m], relu)


@njit(fastmath=True, error_model="numpy")
def _forward(Ws, Wts, bs, relu, x, y, J, a, d, blocks):
    for p in range(len(x)):
        _value(Ws, bs, relu, x[p], a, d)
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


@njit(fastmath=True, error_model="numpy")
def _reverse(Ws, Wts, bs, relu, x, y, J, a, d, blocks):
    last = len(Ws) - 1
    for p in range(len(x)):
        _value(Ws, bs, relu, x[p], a, d)
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


@njit(fastmath=True, error_model="numpy")
def _forward_blas(Ws, Wts, bs, relu, x, y, J, a, d, blocks):
    for p in range(len(x)):
        _value(Ws, bs, relu, x[p], a, d)
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
    width = max(case.widths)
    a, d = np.zeros((2, len(Ws), width), case.dtype)
    blocks = np.zeros((2, max(case.n_in, case.n_out), width), case.dtype)
    y, J = case.empty()
    batch = [np.atleast_2d(case.x), y.reshape(-1, case.n_out), J.reshape(-1, case.n_out, case.n_in)]

    def call(function):
        function(Ws, Wts, bs, case.activation == "relu", *batch, a, d, blocks)
        return y, J

    functions = {"forward": _forward, "reverse": _reverse, "forward, BLAS": _forward_blas}
    return {name: partial(call, function) for name, function in functions.items()}

"""J P Jᵀ + Q and JᵀC⁻¹J, tile by tile and through the narrowest layer: J of a batch is never formed.

Both are congruences, X S Xᵀ with X = J or X = Jᵀ. At a layer s, J = B C with the Jacobians C of the layers up
to s and B of those after it, and one congruence is two, of which the first ends with n_s rows:
J P Jᵀ = B (C P Cᵀ) Bᵀ and JᵀC⁻¹J = Cᵀ (BᵀC⁻¹B) C. Where s is narrow this costs a fraction.
"""

import math
from weakref import WeakKeyDictionary

import numpy as np

from fastjac import _arguments
from fastjac.planning import TILE_NBYTES, CostModel

# Multiply-adds up to which OpenBLAS computes in the calling thread, of two matrices and of a matrix and a
# vector, and rows of the pieces that a larger product is cut into: docs/decisions/0002.
GEMM_SERIAL, GEMV_SERIAL, PIECE = 64**3, 96**2, 64

ABOVE_DIAGONAL = ~np.tri(PIECE, dtype=bool)

# What a second network and its products cost besides multiply-adds.
SPLIT_COST = 4 * CostModel().call

# For each network: (what S is, whether X is Jᵀ) -> the layer s of its split, and s -> the two halves.
_halves_of: WeakKeyDictionary = WeakKeyDictionary()


def propagate_covariance(net, x, P, Q=None):
    """J P Jᵀ + Q, see `Network.propagate_covariance`."""
    n_out, n_in = _shape_of_jacobian(net)
    x = _arguments.as_points(x, net.n_in, "x", net.names_in)
    P = _as_matrices(P, n_in, "P", net.names_wrt)
    Q = None if Q is None else _as_matrices(Q, n_out, "Q", net.names_out)
    return _evaluate(net, x, P, Q, False)


def fisher(net, x, precision=None):
    """JᵀC⁻¹J, see `Network.fisher`."""
    n_out, _ = _shape_of_jacobian(net)
    x = _arguments.as_points(x, net.n_in, "x", net.names_in)
    if precision is not None:
        is_diagonal = np.ndim(precision) == 1
        precision = _arguments.as_real(precision, "precision", net.names_out, n_out, 1 if is_diagonal else 2)
        if precision.shape != (n_out,) and precision.shape[-2:] != (n_out, n_out):
            raise ValueError(f"precision: expected shape ({n_out},) for a diagonal or (..., {n_out}, {n_out}), "
                             f"got {precision.shape}")
    return _evaluate(net, x, precision, None, True)


def _shape_of_jacobian(net):
    return net.n_out, net.n_wrt


def _as_matrices(array, n, name, names):
    array = _arguments.as_real(array, name, names, n, 2)
    if array.shape[-2:] != (n, n):
        raise ValueError(f"{name}: expected shape (..., {n}, {n}), got {array.shape}")
    return array


# ---------------------------------------------------------------- which parts


def halves(net, kind, of_outputs):
    """The layers up to the best s and those after it, as networks that are made once; None without a split.

    Parameters
    ----------
    net : Network or Selection
    kind : {"identity", "diagonal", "matrix"}
        What S is.
    of_outputs : bool
        Whether X is Jᵀ, so that S is one of outputs, or J.
    """
    made = _halves_of.setdefault(net, {})
    s = made.get((kind, of_outputs))
    if s is None:
        s = best_split(net, kind, of_outputs)[0]
        if s and s not in made:
            made[s] = _split(net, s)
        made[kind, of_outputs] = s  # last, as another thread may look it up
    return made.get(s)


def best_split(net, kind, of_outputs):
    """The layer s at which X S Xᵀ is split, 0 for none, and its multiply-adds for one point."""
    n_rows, n_cols = _shape_of_jacobian(net)
    hidden = tuple(layer.n_out for layer in _network_of(net).layers[:-1])
    widths = (n_cols, *hidden, n_rows)
    ends = (n_rows, n_cols) if of_outputs else (n_cols, n_rows)
    best = (0, net.plan(2).multiply_adds + _congruence_cost(*ends, kind))
    for s, n in enumerate(hidden, 1):
        if n >= max(ends):
            continue
        total = (_jacobian_cost(widths[: s + 1]) + _jacobian_cost(widths[s:])
                 + _congruence_cost(ends[0], n, kind) + _congruence_cost(n, ends[1], "matrix"))
        if total + (SPLIT_COST if best[0] == 0 else 0) < best[1]:
            best = (s, total)
    return best


def _jacobian_cost(widths):
    """Multiply-adds of the better sweep."""
    products = [n * m for n, m in zip(widths, widths[1:])]
    return min(widths[0] * sum(products[1:]), widths[-1] * sum(products[:-1]))


def _congruence_cost(n, m, kind):
    """Multiply-adds of X S Xᵀ for X (m, n): of X S, and of half of its product with Xᵀ."""
    return {"identity": 0, "diagonal": m * n, "matrix": m * n * n}[kind] + m * (m + 1) // 2 * n


def _network_of(net):
    return getattr(net, "network", net)


def _split(net, s):
    """The layers up to s and those after it, with the inputs and outputs that `net` selects."""
    whole = _network_of(net)
    head, tail = whole._split(s)
    return (head, tail) if net is whole else (head.select(wrt=net.wrt), tail.select(outputs=net.outputs))


# ---------------------------------------------------------------- tiles


def _evaluate(net, x, S, added, of_outputs):
    """X S Xᵀ + added for all points, with S and `added` for all of them or one for each."""
    kind = "identity" if S is None else "diagonal" if S.ndim == 1 else "matrix"
    chain = halves(net, kind, of_outputs) or (net,)
    operands = ((x, 1), (S, 1 if kind == "diagonal" else 2), (added, 2))
    leading = x.shape[:-1]
    for (array, n_core), name in zip(operands[1:], ("precision" if of_outputs else "P", "Q")):
        if array is not None and array.ndim > n_core:
            points = np.broadcast_to(x[..., :1], (*leading, 1))
            leading = _arguments.broadcast_leading(points, array[..., 0], name)
    n = _shape_of_jacobian(net)[of_outputs]
    result = _arguments.new_result((*leading, n, n), net.dtype)
    # NaN and infinities go through as IEEE 754 says, whatever NumPy is set to say about them.
    with np.errstate(all="ignore"):
        if leading:
            takers = [_taker(array, n_core, leading, net.dtype) for array, n_core in operands]
            n_points, tile = math.prod(leading), _n_points_per_tile(net.dtype, chain, S, added)
            flat = result.reshape(n_points, n, n)
            for first in range(0, n_points, tile):
                stop = min(first + tile, n_points)
                _compute(chain, *(take(first, stop) for take in takers), of_outputs, flat[first:stop])
        else:
            x, S, added = (None if array is None else np.asarray(array, net.dtype) for array, _ in operands)
            _compute(chain, x, S, added, of_outputs, result)
    return result


def _n_points_per_tile(dtype, chain, *operands):
    """As many as fit with their Jacobians, the products of these and their operands into the workspace of a tile."""
    n_elements = 2 * sum(math.prod(_shape_of_jacobian(part)) for part in chain)
    n_elements += sum(math.prod(array.shape[-2:]) for array in operands if np.ndim(array) > 2)
    return max(1, TILE_NBYTES // (n_elements * dtype.itemsize))


def _taker(array, n_core, leading, dtype):
    """A function that gives `array` for the points from `first` up to `stop`, in `dtype`."""
    if array is None or array.ndim == n_core:
        whole = None if array is None else np.asarray(array, dtype)
        return lambda first, stop: whole
    core = array.shape[array.ndim - n_core :]
    array = np.broadcast_to(array, leading + core)
    if array.flags.c_contiguous:
        flat = array.reshape(-1, *core)
        return lambda first, stop: np.asarray(flat[first:stop], dtype)
    return lambda first, stop: np.asarray(array[np.unravel_index(np.arange(first, stop), leading)], dtype)


def _compute(chain, x, S, added, of_outputs, out):
    """out = X S Xᵀ + added for the points of a tile."""
    factors = []
    for part in chain[:-1]:
        x, C = part.value_and_jacobian(x)
        factors.append(C)
    factors.append(chain[-1].jacobian(x))
    if of_outputs:
        factors = [J.mT for J in reversed(factors)]
    for X in factors[:-1]:
        S = congruence(X, S)
    congruence(factors[-1], S, out)
    if added is not None:
        out += added


# ---------------------------------------------------------------- matrices


def congruence(X, S, out=None):
    """X S Xᵀ for stacks of matrices, exactly symmetric: what lies above the diagonal mirrors what lies below.

    S is a matrix, a vector for a diagonal, or None for the identity.
    """
    if S is None:
        # A copy, as NumPy would give the product of a matrix and its own transpose to another routine of BLAS.
        XS = X.copy()
    elif S.ndim == 1:
        XS = X * S
    else:
        XS = multiply(X, S)
    m = X.shape[-2]
    if out is None:
        out = np.empty((*XS.shape[:-2], m, m), XS.dtype)
    for first in range(0, m, PIECE):
        stop = first + PIECE
        out[..., first:stop, :stop] = multiply(XS[..., first:stop, :], X[..., :stop, :].mT)
        out[..., :first, first:stop] = out[..., first:stop, :first].mT
        diagonal = out[..., first:stop, first:stop]
        n = diagonal.shape[-1]
        np.copyto(diagonal, diagonal.mT, where=ABOVE_DIAGONAL[:n, :n])
    return out


def multiply(A, B):
    """A @ B for stacks of matrices, in pieces that BLAS computes in the calling thread."""
    (m, k), n = A.shape[-2:], B.shape[-1]
    limit = GEMV_SERIAL if 1 in (m, n) else GEMM_SERIAL
    if m * n * k <= limit:
        return A @ B
    m_piece, k_piece = min(m, PIECE), min(k, PIECE)
    n_piece = limit // (m_piece * k_piece)
    result = np.empty((*np.broadcast_shapes(A.shape[:-2], B.shape[:-2]), m, n), A.dtype)
    for i in range(0, m, m_piece):
        left = A[..., i : i + m_piece, :]
        for j in range(0, n, n_piece):
            right = B[..., j : j + n_piece]
            piece = result[..., i : i + m_piece, j : j + n_piece]
            np.matmul(left[..., :k_piece], right[..., :k_piece, :], out=piece)
            for l in range(k_piece, k, k_piece):
                piece += left[..., l : l + k_piece] @ right[..., l : l + k_piece, :]
    return result

"""Each kernel against a line of NumPy: dtype × shape × layout × SIMD build."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import random_array

from fastjac.kernels import dispatch

# Around the widths of vectors, their multiples, and the squares of block_copied.
LENGTHS = [*range(1, 34), 63, 64, 65]
SHAPES = [(n, 3) for n in LENGTHS] + [(3, n) for n in LENGTHS] + [(16, 16), (17, 33), (40, 50)]
# Beyond the elements that a kernel may touch.
GUARD = 8


@pytest.fixture
def kernels(simd):
    """The doors to the kernels of one build."""
    return dispatch.load(simd)


def guarded(shape, dtype):
    """An array of NaN within a longer one whose ends must stay as they are."""
    memory = np.full(int(np.prod(shape)) + 2 * GUARD, -7, dtype)
    inner = memory[GUARD:-GUARD].reshape(shape)
    inner.fill(np.nan)
    return memory, inner


def assert_guards_stand(memory):
    assert (memory[:GUARD] == -7).all()
    assert (memory[-GUARD:] == -7).all()


def test_rows_scaled(kernels, dtype):
    for shape in SHAPES:
        A, d = random_array(shape, dtype), random_array(shape[0], dtype, 2)
        memory, out = guarded(shape, dtype)
        kernels.rows_scaled(A, d, out)
        assert np.array_equal(out, d[:, None] * A)
        assert_guards_stand(memory)
        expected = out.copy()
        kernels.rows_scaled(A, d, A)
        assert np.array_equal(A, expected)


def test_columns_scaled(kernels, dtype):
    for shape in SHAPES:
        A, d = random_array(shape, dtype), random_array(shape[1], dtype, 2)
        memory, out = guarded(shape, dtype)
        kernels.columns_scaled(A, d, out)
        assert np.array_equal(out, A * d)
        assert_guards_stand(memory)
        expected = out.copy()
        kernels.columns_scaled(A, d, A)
        assert np.array_equal(A, expected)


@pytest.mark.parametrize("name", ["rows_scaled", "columns_scaled"])
def test_scaling_keeps_to_ieee(kernels, dtype, name):
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1, np.finfo(dtype).max, np.finfo(dtype).tiny / 4], dtype)
    A = np.repeat(special[:, None], len(special), axis=1)
    A, d = np.ascontiguousarray(A if name == "columns_scaled" else A.T), special
    out = np.empty_like(A)
    getattr(kernels, name)(A, d, out)
    with np.errstate(all="ignore"):
        expected = A * (d if name == "columns_scaled" else d[:, None])
    np.testing.assert_array_equal(out, expected)
    assert np.array_equal(np.signbit(out[expected == 0]), np.signbit(expected[expected == 0]))


def test_rows_filled(kernels, dtype):
    for shape in SHAPES:
        b = random_array(shape[1], dtype)
        memory, out = guarded(shape, dtype)
        kernels.rows_filled(b, out)
        assert np.array_equal(out, np.broadcast_to(b, shape))
        assert_guards_stand(memory)


LAYOUTS = {
    "contiguous": lambda base, m, n: base[:m, :n],
    "transposed": lambda base, m, n: base.T[:m, :n],
    "negative rows": lambda base, m, n: base[m - 1 :: -1, :n] if m > 0 else base,
    "negative columns": lambda base, m, n: base[:m, n - 1 :: -1],
    "negative both": lambda base, m, n: base[m - 1 :: -1, n - 1 :: -1],
    "negative transposed": lambda base, m, n: base.T[m - 1 :: -1, n - 1 :: -1],
    "stepped": lambda base, m, n: base[: 2 * m : 2, : 3 * n : 3],
    "stepped columns transposed": lambda base, m, n: base.T[: 2 * m : 2, :n],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_block_copied(kernels, dtype, layout):
    for shape in SHAPES:
        m, n = shape
        A = random_array(shape, dtype)
        base = np.full((3 * max(shape), 3 * max(shape)), -7, dtype)
        out = LAYOUTS[layout](base, m, n)
        assert out.shape == shape
        kernels.block_copied(A, out)
        assert np.array_equal(out, A)
        out[...] = -7
        assert (base == -7).all()


def softmax_of(h):
    e = np.exp(h - h.max())
    return e / e.sum()


def vectors_s(n, dtype):
    """Results of a softmax: spread out, and with one entry close to one."""
    h = 2 * random_array(n, "float64", 3)
    yield softmax_of(h).astype(dtype)
    h[n // 2] += 25
    yield softmax_of(h).astype(dtype)
    yield np.full(n, 1 / n, dtype)


def assert_within(out, exact, magnitude, n):
    """Within (n + 4) roundings of the sum of the magnitudes of the terms."""
    bound = (n + 4) * np.finfo(out.dtype).eps * magnitude + np.finfo(out.dtype).smallest_subnormal
    assert (np.abs(out - exact) <= bound).all()


def dense(kind, s):
    """The derivative as a matrix in long double, and the magnitudes of its terms."""
    s = s.astype(np.longdouble)
    # The diagonal by the sum of the others: s adds up to one only within rounding.
    others = s.sum() - s
    if kind == "softmax":
        return np.diag(s * others) - np.outer(s, s) * (1 - np.eye(len(s))), np.diag(s) + np.outer(s, s)
    return np.diag(others) - s * (1 - np.eye(len(s))), np.eye(len(s)) + s


@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_softmax_formed(kernels, dtype, kind):
    for shape in SHAPES:
        Wt = random_array(shape, dtype)
        for s in vectors_s(shape[0], dtype):
            memory, out = guarded(shape, dtype)
            getattr(kernels, f"{kind}_formed")(Wt, s, out)
            S, magnitudes = dense(kind, s)
            assert_within(out, S @ Wt, magnitudes @ np.abs(Wt), shape[0])
            assert_guards_stand(memory)


@pytest.mark.parametrize("kind", ["softmax_applied", "log_softmax_applied_forward", "log_softmax_applied_reverse"])
def test_softmax_applied(kernels, dtype, kind):
    for shape in SHAPES:
        R = random_array(shape, dtype)
        for s in vectors_s(shape[1], dtype):
            memory, out = guarded(shape, dtype)
            out[...] = R
            getattr(kernels, kind)(s, out)
            D, magnitudes = dense("softmax" if kind == "softmax_applied" else "log_softmax", s)
            if kind == "log_softmax_applied_forward":
                D, magnitudes = D.T, magnitudes.T
            assert_within(out, R @ D, np.abs(R) @ magnitudes, shape[1])
            assert_guards_stand(memory)


@pytest.mark.parametrize("kind", ["softmax_applied", "log_softmax_applied_forward"])
def test_softmax_sends_equal_entries_to_zero(kernels, dtype, kind):
    for n in LENGTHS:
        for s in vectors_s(n, dtype):
            R = np.repeat(random_array((3, 1), dtype), n, axis=1)
            getattr(kernels, kind)(s, R)
            assert not R.any()


@pytest.mark.parametrize("n", LENGTHS)
def test_activate(kernels, dtype, n):
    h, p = random_array(n, dtype), np.zeros((1, n), dtype)
    for name, value, derivative in (
        ("identity", h, np.ones(n)),
        ("relu", np.maximum(h, 0), h > 0),
        ("square", h * h, 2 * h),
        ("abs", np.abs(h), np.sign(h)),
    ):
        (a_memory, a), (d_memory, d) = guarded(n, dtype), guarded(n, dtype)
        kernels.activate(kernels.activations.index(name), h, p, a, d)
        assert np.array_equal(a, value)
        assert np.array_equal(d, derivative)
        assert_guards_stand(a_memory)
        assert_guards_stand(d_memory)
        # In place, as the value pass does it.
        in_place = h.copy()
        kernels.activate(kernels.activations.index(name), in_place, p, in_place, d)
        assert np.array_equal(in_place, value)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from(["float32", "float64"]))
def test_builds_agree_on_what_needs_no_rounding_of_sums(m, n, seed, dtype):
    A, d, e = random_array((m, n), dtype, seed), random_array(m, dtype, seed + 1), random_array(n, dtype, seed + 2)
    results = set()
    for name in dispatch.available():
        build, out, other = dispatch.load(name), np.empty_like(A), np.empty_like(A)
        build.rows_scaled(A, d, out)
        build.columns_scaled(out, e, other)
        results.add(other.tobytes())
    assert len(results) == 1


def test_builds_export_the_same_activations():
    assert len({tuple(dispatch.load(name).activations) for name in dispatch.available()}) == 1


def test_select_unknown_build():
    before = dispatch.simd_level()
    with pytest.raises(ValueError, match="v17"):
        dispatch.select("v17")
    assert dispatch.simd_level() == before

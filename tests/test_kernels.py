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
        for rows in (A, np.pad(A, ((0, 0), (0, 5)), constant_values=np.nan)):
            kernels.block_copied(rows, out)
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


# Codes of kernels/api.pxd, and how many units of the row are carried past the activation.
DENSE = {"softmax": 2, "log_softmax": 3, "rms_norm": 4, "layer_norm": 5}
dense_kinds = pytest.mark.parametrize("kind", DENSE)
carried = pytest.mark.parametrize("n_carried", [0, 3])
EPSILON = 0.125


def vectors_d(kind, n, dtype):
    """What the activation leaves for its derivative."""
    if kind not in ("rms_norm", "layer_norm"):
        yield from vectors_s(n, dtype)
        return
    h = 2 * random_array(n, dtype, 3)
    if kind == "layer_norm":
        h -= h.mean()
    yield h
    if kind == "rms_norm":
        h[n // 2] += dtype.type(1e3)  # 1 − z²/n is small there
        yield h
    yield h * np.finfo(dtype).tiny ** dtype.type(0.75)
    yield np.zeros(n, dtype)


def dense_with_carried(kind, d, n_carried):
    """The derivative over all units, and the magnitudes of its terms."""
    if kind not in ("rms_norm", "layer_norm"):
        parts = dense(kind, d)
    else:
        n, h = len(d), d.astype(np.longdouble)
        r = 1 / np.sqrt((h**2).mean() + np.longdouble(EPSILON))
        z = r * h
        # 1 − z²/n by the sum of the others.
        diagonal = (np.array([np.delete(z, i) @ np.delete(z, i) for i in range(n)]) / n + r * r * EPSILON)
        D = r * (np.diag(diagonal) - np.outer(z, z) / n * (1 - np.eye(n)))
        parts = D, np.abs(D) + r * np.eye(n) * (np.arange(n) != np.argmax(np.abs(h)))
        if kind == "layer_norm":
            parts = D - D.mean(axis=0), 2 * parts[1] + r / n + np.abs(parts[1]).mean(axis=0) + r * np.eye(n)
    eye = np.eye(n_carried)
    return [np.block([[part, np.zeros((len(part), n_carried))], [np.zeros((n_carried, len(part))), eye]])
            for part in parts]


@dense_kinds
@carried
def test_dense_formed(kernels, dtype, kind, n_carried):
    p = np.array([EPSILON], dtype)
    for n_active, n_cols in SHAPES:
        Wt = random_array((n_active + n_carried, n_cols), dtype)
        for d in vectors_d(kind, n_active, dtype):
            memory, out = guarded(Wt.shape, dtype)
            kernels.dense_formed(DENSE[kind], Wt, d, p, n_active, out)
            D, magnitudes = dense_with_carried(kind, d, n_carried)
            assert_within(out, D @ Wt, magnitudes @ np.abs(Wt), n_active)
            assert_guards_stand(memory)


@dense_kinds
@carried
@pytest.mark.parametrize("forward", [False, True])
def test_dense_applied(kernels, dtype, kind, n_carried, forward):
    p = np.array([EPSILON], dtype)
    for n_rows, n_active in SHAPES:
        R = random_array((n_rows, n_active + n_carried), dtype)
        for d in vectors_d(kind, n_active, dtype):
            memory, out = guarded(R.shape, dtype)
            out[...] = R
            kernels.dense_applied(DENSE[kind], forward, d, p, n_active, out)
            D, magnitudes = dense_with_carried(kind, d, n_carried)
            if forward:
                D, magnitudes = D.T, magnitudes.T
            assert_within(out, R @ D, np.abs(R) @ magnitudes, n_active)
            assert_guards_stand(memory)


@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_softmax_sends_equal_entries_to_zero(kernels, dtype, kind):
    for n in LENGTHS:
        for s in vectors_s(n, dtype):
            R = np.repeat(random_array((3, 1), dtype), n, axis=1)
            kernels.dense_applied(DENSE[kind], True, s, np.zeros(1, dtype), n, R)
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


# ---------------------------------------------------------------- the engine `packed`

# Around the rows of a tile, and the terms that are summed in a row.
ROWS = range(1, 10)
TERMS = [1, 2, 3, 4, 63, 64, 65, 130, 200]


def lanes_of(kernels, dtype):
    return kernels.vector_nbytes // dtype.itemsize


def columns_around(lanes):
    """Numbers of columns around a vector, and around panels of one to three vectors taken by one to three."""
    return sorted({1, lanes - 1, lanes, lanes + 1, 2 * lanes, 3 * lanes, 4 * lanes + 1, 7 * lanes, 8 * lanes - 1,
                   9 * lanes, 10 * lanes + 1})


def as_rows(B, lanes, fill=np.nan):
    """B with rows of whole vectors; what stands in the padding must not matter."""
    return np.pad(B, [(0, 0)] * (B.ndim - 1) + [(0, -B.shape[-1] % lanes)], constant_values=fill)


def as_panels(B, lanes):
    """B as panels of at most three vectors, the narrow ones first."""
    rows = as_rows(B, lanes, 0)
    n_vectors = rows.shape[1] // lanes
    widths = [lanes * len(panel) for panel in np.array_split(range(n_vectors), -(-n_vectors // 3))][::-1]
    return np.concatenate([panel.ravel() for panel in np.split(rows, np.cumsum(widths)[:-1], axis=1)])


def multiply(kernels, A, B, n_cols, *, in_panels, ldc=0, init=None, scale=None, rows_per_point=1, index=None,
             in_place=False):
    """(init + A @ B) * scale by the kernel; no element of the memory around the result may change."""
    lanes = lanes_of(kernels, A.dtype)
    memory, C = guarded((len(A), ldc or n_cols), A.dtype)
    B = as_panels(B, lanes) if in_panels else as_rows(B, lanes).ravel()
    ldb = 0 if in_panels else n_cols + -n_cols % lanes
    init = None if init is None else as_rows(init, lanes)
    scale = None if scale is None else as_rows(scale, lanes)
    n_terms = A.shape[1] if index is None else len(index)
    index = None if index is None else np.append(index, -1).astype(np.intc)
    kernels.multiplied(A, B, ldb, init, scale, rows_per_point, index, n_terms, in_place, n_cols, C)
    # Rows with room for it are written in whole vectors.
    whole = n_cols + -n_cols % lanes
    assert np.isnan(C[:, whole if whole <= C.shape[1] else n_cols:]).all()
    assert_guards_stand(memory)
    return C[:, :n_cols]


def test_panels_packed(kernels, dtype):
    lanes = lanes_of(kernels, dtype)
    for n_rows in (1, 2, 7):
        for n_cols in columns_around(lanes):
            W = random_array((n_rows, n_cols), dtype)
            expected = as_panels(W, lanes)
            memory, panels = guarded(expected.shape, dtype)
            kernels.panels_packed(W, panels)
            assert np.array_equal(panels, expected)
            assert_guards_stand(memory)


@pytest.mark.parametrize("in_panels", [True, False], ids=["panels", "rows"])
@pytest.mark.parametrize("by", ["rows", "columns"])
@pytest.mark.parametrize("terms", ["all", "listed", "in place"])
def test_product_of_small_integers_is_exact(kernels, dtype, in_panels, by, terms):
    lanes, rng = lanes_of(kernels, dtype), np.random.default_rng(0)
    for n_inner in TERMS:
        # Every third term, or none.
        index = np.flatnonzero(rng.random(n_inner) < 1 / 3) if terms != "all" else None
        for n_cols in columns_around(lanes):
            A, B, init, scale = (rng.integers(-3, 4, shape).astype(dtype) for shape in (
                (max(ROWS), n_inner), (n_inner, n_cols), n_cols, (max(ROWS), n_cols)))
            summed = slice(None) if index is None else index
            sums = A[:, summed] @ B[summed]
            A = np.asfortranarray(A) if by == "columns" else A
            for n_rows in ROWS:
                # Rows of their true length, with a gap that is no vector, or padded and longer still.
                ldc = (n_cols, n_cols + 1, n_cols + 2 * lanes)[(n_rows + n_cols) % 3]
                options = {"in_panels": in_panels, "ldc": ldc, "index": index, "in_place": terms == "in place"}
                if (n_rows + n_inner) % 2:
                    assert np.array_equal(multiply(kernels, A[:n_rows], B, n_cols, **options), sums[:n_rows])
                    continue
                rows_per_point = 1 + n_cols % 4
                got = multiply(kernels, A[:n_rows], B, n_cols, init=init, scale=scale,
                               rows_per_point=rows_per_point, **options)
                assert np.array_equal(got, (init + sums[:n_rows]) * scale[np.arange(n_rows) // rows_per_point])


@pytest.mark.parametrize("in_panels", [True, False], ids=["panels", "rows"])
def test_product_keeps_the_bound_and_the_bits_of_a_row(kernels, dtype, in_panels):
    lanes, precise = lanes_of(kernels, dtype), np.longdouble if dtype == np.float64 else np.float64
    for n_inner in TERMS:
        for n_cols in columns_around(lanes):
            A, B = random_array((9, n_inner), dtype), random_array((n_inner, n_cols), dtype, 2)
            init, scale = random_array(n_cols, dtype, 3), random_array((1, n_cols), dtype, 4)
            options = {"in_panels": in_panels, "init": init, "scale": scale, "rows_per_point": 9}
            C = multiply(kernels, A, B, n_cols, **options)
            a, b = A.astype(precise), B.astype(precise)
            assert_within(C, (init + a @ b) * scale, (abs(init) + abs(a) @ abs(b)) * abs(scale), n_inner)
            for n_rows in (1, 2, 3, 8):
                assert np.array_equal(multiply(kernels, A[:n_rows], B, n_cols, **options), C[:n_rows])
                assert np.array_equal(multiply(kernels, np.asfortranarray(A)[-n_rows:], B, n_cols, **options),
                                      C[-n_rows:])


def test_terms_of_zero_in_place_leave_no_trace(kernels, dtype):
    lanes = lanes_of(kernels, dtype)
    for n_inner in TERMS:
        A, d = random_array((9, n_inner), dtype), random_array(n_inner, dtype, 2)
        A[:, d < 0.3] = 0
        index = np.flatnonzero(d >= 0.3)
        # A panel of one vector is summed in chains: there, the place of a term matters.
        for n_cols in [n for n in columns_around(lanes) if n > lanes]:
            B = random_array((n_inner, n_cols), dtype, 3)
            for n_rows in (1, 2, 9):
                C = multiply(kernels, A[:n_rows], B, n_cols, in_panels=True, index=index, in_place=True)
                assert np.array_equal(C, multiply(kernels, A[:n_rows], B, n_cols, in_panels=True))


@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("by_columns", [False, True])
def test_formed(kernels, dtype, by_rows, by_columns):
    lanes = lanes_of(kernels, dtype)
    for n_rows in (1, 2, 7):
        for n_cols in columns_around(lanes):
            A = random_array((n_rows, n_cols), dtype)
            rows = random_array(n_rows, dtype, 2) if by_rows else None
            columns = random_array(n_cols, dtype, 3) if by_columns else None
            whole = n_cols + -n_cols % lanes
            for ld in (n_cols, n_cols + 1, whole + lanes):
                memory, out = guarded((n_rows, ld), dtype)
                kernels.formed(as_rows(A, lanes), rows, as_rows(columns, lanes) if by_columns else None, n_cols, out)
                expected = (1 if rows is None else rows[:, None]) * A * (1 if columns is None else columns)
                assert np.array_equal(out[:, :n_cols], expected)
                assert np.isnan(out[:, whole if whole <= ld else n_cols:]).all()
                assert_guards_stand(memory)


def test_nonzero_listed(kernels, dtype):
    rng = np.random.default_rng(0)
    kinds = np.array([0, -0.0, 1, -2, np.nan, np.inf, np.finfo(dtype).smallest_subnormal], dtype)
    for n in LENGTHS:
        for d in (rng.choice(kinds, n), np.zeros(n, dtype), np.ones(n, dtype)):
            index = np.full(n + 16 + GUARD, -7, np.intc)
            n_found = kernels.nonzero_listed(d, index)
            assert np.array_equal(index[:n_found], np.flatnonzero(d))
            assert (index[n + 16:] == -7).all()


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

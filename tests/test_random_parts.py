"""Random trees of parts: the function that is written down, in every engine, order and build, file and export."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from builds import BUILDS, selected
from exported import export, needs_gcc
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from networks import EXPLOSIVE, SUBJECTS
from oracles_parts import effect_of_rounding, value_and_jacobian

import fastjac as fj

# A computer's sums and activations may lose some roundings each. With so many, eight trials also show that a
# kink is near enough to be taken from the other side.
N_ROUNDINGS = 16

# An error over the largest effect of eight trials; in thousands of comparisons it stayed below 0.5.
FACTOR = 2

WIDTHS = st.one_of(st.integers(1, 5), st.integers(1, 12), st.sampled_from([16, 17, 25, 33]))
N_POINTS = 5


def numbers(draw):
    """A source of random numbers that does not depend on the others."""
    return np.random.default_rng(draw(st.integers(0, 2**20)))


@st.composite
def layers(draw, n_in, n_out=None, activation=None):
    random, n_out = numbers(draw), n_out or draw(WIDTHS)
    name = activation or draw(st.sampled_from(list(SUBJECTS)))
    n_carried = draw(st.integers(0, n_out - 1)) if activation is None and draw(st.integers(0, 9)) == 0 else 0
    W = random.normal(size=(n_in, n_out)) * EXPLOSIVE.get(name, 1) / np.sqrt(n_in)
    if draw(st.integers(0, 9)) == 0:
        W[random.random(W.shape) < 0.6] = 0
    b = draw(st.sampled_from([None, 0.3 * random.normal(size=n_out)]))
    name, parameters = activation_of(draw, name, n_out - n_carried)
    return fj.Layer(W, b, name, n_carried=n_carried, **parameters)


def activation_of(draw, subject, n):
    """Its name and parameters, numbers or, if it works unit by unit, one for each unit."""
    name, parameters = SUBJECTS[subject]
    if draw(st.booleans()):
        varied = 1 + numbers(draw).integers(0, 4, n) / 8
        parameters = {key: value if isinstance(value, str) else value * varied for key, value in parameters.items()}
    return name, parameters


@st.composite
def affine_numbers(draw, n):
    """A number for all units, or one for each."""
    random = numbers(draw)
    return random.normal(size=n) if draw(st.booleans()) else float(random.normal())


@st.composite
def parts(draw, n, depth):
    """A part that takes n units, and how many it gives."""
    kinds = ["layer", "elementwise", "affine", "layer_norm", "rms_norm"]
    kind = draw(st.sampled_from(kinds + ["residual", "concatenation"] * 2 * (depth > 0 and n < 40)))
    if kind == "layer":
        layer = draw(layers(n))
        return layer, layer.n_out
    if kind == "elementwise":
        name, parameters = activation_of(draw, draw(st.sampled_from(list(SUBJECTS))), n)
        return fj.Elementwise(name, **parameters), n
    if kind == "affine":
        return fj.Affine(*(draw(affine_numbers(n)) for _ in range(3))), n
    epsilon = draw(st.sampled_from([1e-5, 0.125]))
    if kind == "layer_norm":
        return fj.LayerNorm(draw(affine_numbers(n)), draw(affine_numbers(n)), epsilon), n
    if kind == "rms_norm":
        return fj.RMSNorm(draw(affine_numbers(n)), epsilon), n
    inner, n_out = draw(chains(n, depth - 1))
    if kind == "concatenation":
        return fj.Concatenation(inner, draw(st.booleans())), n + n_out
    if n_out != n and draw(st.booleans()):
        inner, n_out = [*inner, draw(layers(n_out, n, draw(st.sampled_from(["identity", "tanh"]))))], n
    skip = draw(layers(n, n_out, "identity")) if n_out != n or draw(st.booleans()) else None
    if skip is not None and draw(st.booleans()):
        skip = skip.W, skip.b
    return fj.Residual(inner, skip), n_out


@st.composite
def chains(draw, n, depth):
    """Parts one after the other that take n units, and how many they give."""
    chain = []
    for _ in range(draw(st.integers(1, 3))):
        part, n = draw(parts(n, depth))
        chain.append(part)
    return chain, n


@st.composite
def networks(draw):
    """Parts of a network, one after the other, and its inputs."""
    n = draw(WIDTHS)
    chain, _ = draw(chains(n, 3))
    try:
        fj.Network(chain)
    except ValueError as error:
        if "which says how many units there are" not in str(error):
            raise
        chain = [fj.Affine(np.ones(n)), *chain]
    x = numbers(draw).normal(size=(N_POINTS, n)).astype(np.float32).astype(float)  # exact in both dtypes
    return chain, x


@st.composite
def bracketings(draw, i, j):
    """A bracketing of A_j ⋯ A_i as nested tuples, later layers first."""
    if i == j:
        return i
    s = draw(st.integers(i, j - 1))
    return draw(bracketings(s + 1, j)), draw(bracketings(i, s))


class Expected:
    """What a chain of parts gives at points, by the oracle, and how far from it rounding may lead."""

    def __init__(self, chain, x, dtype):
        with np.errstate(all="ignore"):
            self.y, self.J = value_and_jacobian(chain, x)
            self.e, self.B = effect_of_rounding(chain, x, N_ROUNDINGS * np.finfo(dtype).epsneg)
        # Powers of powers, kinks: beyond, the effects of rounding are no longer small.
        for exact, effect in ((self.y, self.e), (self.J, self.B)):
            assume(np.isfinite(exact).all() and abs(exact).max() < 1e6)
            assume(effect.max() < 0.1 * (1 + abs(exact).max()))
        # What is lost to underflow somewhere, and came through the largest J that is allowed.
        self.tiny = 1e6 * np.finfo(dtype).tiny

    def check_value(self, y):
        self._check(y, self.y, self.e[:, None])

    def check_jacobian(self, J, wrt=slice(None), outputs=slice(None)):
        self._check(J, self.J[:, outputs][..., wrt], self.B[:, None, None])

    def check_jvp(self, u, v):
        self._check(u, (self.J @ v[..., None])[..., 0], self.B[:, None] * abs(v).sum(axis=1, keepdims=True))

    def check_vjp(self, g, w):
        self._check(g, (w[..., None, :] @ self.J)[..., 0, :], self.B[:, None] * abs(w).sum(axis=1, keepdims=True))

    def _check(self, got, expected, effect):
        assert got.shape == expected.shape
        assert (abs(got - expected) <= FACTOR * effect + self.tiny).all(), (got, expected, effect)


def results(net, x, v, w, **options):
    return *net.value_and_jacobian(x, **options), net.jvp(x, v, **options), net.vjp(x, w, **options)


def assert_same_bits(results, expected):
    for got, wanted in zip(results, expected, strict=True):
        assert np.array_equal(got, wanted)


@given(networks(), st.sampled_from(["float32", "float64"]), st.sampled_from(BUILDS), st.data())
@settings(max_examples=100)
def test_same_function(drawn, dtype, build, data):
    chain, x = drawn
    expected = Expected(chain, x, dtype)
    with selected(build):
        net = fj.Network(chain, dtype=dtype)
        note(f"{chain} becomes {net.layers}")
        order = data.draw(st.sampled_from(["auto", "forward", "reverse", "bracketing"]))
        if order == "bracketing":
            order = data.draw(bracketings(1, len(net.layers)))
        net = fj.Network(chain, dtype=dtype, order=order)
        x, v, w = (array.astype(dtype) for array in (x, x[::-1], numbers(data.draw).normal(size=expected.y.shape)))
        found = y, J, u, g = results(net, x, v, w)
        expected.check_value(y)
        expected.check_jacobian(J)
        expected.check_jvp(u, v)
        expected.check_vjp(g, w)
        wrt, outputs = (data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))
                        for n in (net.n_in, net.n_out))
        expected.check_jacobian(net.select(wrt, outputs).jacobian(x), wrt, outputs)
        i = data.draw(st.integers(0, N_POINTS - 1))
        if build == "blas":
            expected.check_jacobian(net.jacobian(x, workers=2))
        else:
            assert_same_bits(results(net, x, v, w, workers=2), found)
            assert_same_bits(results(net, x[i], v[i], w[i]), [array[i] for array in found])
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, f"net.{suffix}") for suffix in ("safetensors", "npz")]
            net.save(paths[0])
            fj.save_npz(net, paths[1])
            for again in (fj.load(paths[0]), pickle.loads(pickle.dumps(net))):
                assert_same_bits(results(again, x, v, w), found)
            expected.check_value(fj.load(paths[1])(x))  # it holds the weights, not the order of products
            if build != "blas":
                assert_same_bits([fj.load(paths[1])(x)], [y])


def called(net, x, v, w):
    """The results by the C interface, as ctypes calls it."""
    c = net.ctypes
    work = c.workspace()
    shapes = net.n_out, (net.n_out, net.n_in), net.n_out, net.n_in
    y, J, u, g = (np.full(shape, np.nan, net.dtype) for shape in shapes)

    def sized(array):
        return array.ctypes, array.size

    at_end = work.ctypes, work.nbytes
    assert c.value_and_jacobian(c.handle, *sized(x), *sized(y), J.ctypes, *J.shape, net.n_in, 1, *at_end) == 0
    assert c.jvp(c.handle, *sized(x), *sized(v), *sized(u), *at_end) == 0
    assert c.vjp(c.handle, *sized(x), *sized(w), *sized(g), *at_end) == 0
    return y, J, u, g


@needs_gcc
@given(networks(), st.sampled_from(["float32", "float64"]), st.integers(0, 2**20))
@settings(max_examples=8)
def test_in_c(drawn, dtype, seed):
    chain, x = drawn
    expected = Expected(chain, x, dtype)
    net = fj.Network(chain, dtype=dtype)
    note(f"{chain} becomes {net.layers}")
    random = np.random.default_rng(seed)
    x, v, w = (array.astype(dtype) for array in (x, x[::-1], random.normal(size=expected.y.shape)))
    for i in range(len(x)):
        assert_same_bits(called(net, x[i], v[i], w[i]), results(net, x[i], v[i], w[i]))
    with tempfile.TemporaryDirectory() as folder:
        y, J, u, g = results(export(Path(folder), net, flags=("-O1",)), x, v, w)
    expected.check_value(y)
    expected.check_jacobian(J)
    expected.check_jvp(u, v)
    expected.check_vjp(g, w)

"""J P Jᵀ + Q and JᵀC⁻¹J against the formed products, in long double."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from support import make_mixed, make_network, random_array, reference

import fastjac as fj
from fastjac import products

NARROW = (40, 24, 3, 24, 36)  # split at layer 2, where the batch goes through 3 numbers
WIDE = (5, 20, 7)  # not split
SHAPES = [NARROW, WIDE]


def make(widths, dtype="float64", **options):
    return make_network(widths, ["tanh", "identity"], dtype, **options)


def symmetric(shape, seed=2):
    A = random_array(shape, seed=seed)
    return A @ A.mT / shape[-1]


def jacobians(net, x):
    """(..., n_out, n_in) in long double, by the formula."""
    x = np.asarray(x, net.dtype)
    J = [reference(net, point)[1] for point in x.reshape(-1, net.n_in)]
    return np.reshape(J, (*x.shape[:-1], net.n_out, net.n_in))


def assert_product(result, net, expected, magnitude):
    """Symmetric to the bit, and within roundings of the largest sum of magnitudes at each point."""
    assert type(result) is np.ndarray
    assert result.dtype == net.dtype
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result, result.mT)
    allowed = 40 * np.finfo(net.dtype).eps * np.max(magnitude, axis=(-2, -1), keepdims=True)
    assert (np.abs(result - expected) <= allowed).all()


@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_propagated_covariance_is_the_formed_product(widths, dtype, leading, engine):
    net = make(widths, dtype)
    x, P, Q = random_array((*leading, net.n_in)), symmetric((net.n_in,) * 2), symmetric((net.n_out,) * 2)
    P, Q = P.astype(dtype), Q.astype(dtype)
    J = jacobians(net, x)
    magnitude = np.abs(J) @ np.abs(P) @ np.abs(J).mT
    assert_product(net.propagate_covariance(x, P), net, J @ P @ J.mT, magnitude)
    assert_product(net.propagate_covariance(x, P, Q), net, J @ P @ J.mT + Q, magnitude + np.abs(Q))


@pytest.mark.parametrize("widths", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["identity", "diagonal", "matrix"])
def test_fisher_is_the_formed_product(widths, kind, dtype, leading, engine):
    net = make(widths, dtype)
    x, diagonal = random_array((*leading, net.n_in)), np.linspace(0.5, 2, net.n_out).astype(dtype)
    given, C = {
        "identity": (None, np.eye(net.n_out)),
        "diagonal": (diagonal, np.diag(diagonal)),
        "matrix": (symmetric((net.n_out,) * 2).astype(dtype),) * 2,
    }[kind]
    J = jacobians(net, x)
    assert_product(net.fisher(x, given), net, J.mT @ C @ J, np.abs(J).mT @ np.abs(C) @ np.abs(J))


@pytest.mark.parametrize("widths", SHAPES, ids=str)
@pytest.mark.parametrize("of_x, of_P, of_Q", [
    ((), (4,), ()), ((), (), (4,)), ((3, 1), (2,), ()), ((1, 2), (3, 1), (3, 2)), ((2,), (1,), (3, 1)),
    ((0,), (1,), ()),
], ids=str)
def test_leading_dimensions_broadcast(widths, of_x, of_P, of_Q):
    net = make(widths)
    x = random_array((*of_x, net.n_in))
    P, Q = symmetric((*of_P, net.n_in, net.n_in)), symmetric((*of_Q, net.n_out, net.n_out))
    J = net.jacobian(x)
    expected = J @ P @ J.mT + Q
    result = net.propagate_covariance(x, P, Q)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-12)
    expected = J.mT @ Q @ J
    result = net.fisher(x, Q)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_a_selection_takes_matrices_of_its_size(widths):
    net = make(widths)
    wrt, outputs = [4, 0, 1], slice(1, 6)
    x, P, C = random_array((9, net.n_in)), symmetric((3, 3)), symmetric((5, 5))
    J = net.jacobian(x)[:, outputs][:, :, wrt]
    part = net.select(wrt, outputs)
    np.testing.assert_allclose(part.propagate_covariance(x, P, C), J @ P @ J.mT + C, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(part.fisher(x, C), J.mT @ C @ J, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(part.fisher(x), J.mT @ J, rtol=1e-11, atol=1e-12)


def test_selections_are_split_with_their_inputs_and_outputs():
    net = make((60, 50, 4, 50, 60))
    part = net.select(wrt=slice(0, 60, 2), outputs=slice(40))
    assert products.best_split(part, "matrix", False)[0] == 2
    x, P = random_array((5, 60)), symmetric((30, 30))
    J = net.jacobian(x)[:, :40, ::2]
    np.testing.assert_allclose(part.propagate_covariance(x, P), J @ P @ J.mT, rtol=1e-11, atol=1e-12)


def test_scaled_inputs_stay_scaled_where_the_network_is_split():
    net = make((60, 50, 4, 50, 60)).with_input_scaling(random_array(60), 2.0)
    x, P = random_array((5, 60)), symmetric((60, 60))
    J = net.jacobian(x)
    for each, J_part in ((net, J), (net.select(wrt=slice(40)), J[..., :40])):
        n = J_part.shape[-1]
        assert products.best_split(each, "matrix", False)[0] == 2
        expected = J_part @ P[:n, :n] @ J_part.mT
        np.testing.assert_allclose(each.propagate_covariance(x, P[:n, :n]), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("activation", ["softmax", "relu", "log_softmax"])
def test_any_derivative_at_the_layer_of_the_split(activation):
    net = make_network(NARROW, ["tanh", activation], activity=(None, 0.5, None, None))
    assert products.best_split(net, "matrix", False)[0] == 2
    x, P = random_array((4, net.n_in)), symmetric((net.n_in,) * 2)
    J = jacobians(net, x)
    magnitude = np.abs(J) @ np.abs(P) @ np.abs(J).mT
    assert_product(net.propagate_covariance(x, P), net, J @ P @ J.mT, magnitude)


def test_multiply_adds_of_the_split():
    autoencoder = make((784, 256, 16, 256, 784))
    of_halves = 2 * 16 * 256 * 784
    of_covariance = 16 * 784 * 784 + 136 * 784 + 784 * 16 * 16 + 392 * 785 * 16
    assert products.best_split(autoencoder, "matrix", False) == (2, of_halves + of_covariance)
    of_gram = 136 * 784 + 784 * 16 * 16 + 392 * 785 * 16
    assert products.best_split(autoencoder, "identity", True) == (2, of_halves + of_gram)
    assert products.best_split(autoencoder, "diagonal", True) == (2, of_halves + of_gram + 16 * 784)


def test_multiply_adds_without_a_split():
    emulator = make((6, 100, 90, 80))
    of_jacobian = 6 * (100 * 90 + 90 * 80)
    assert products.best_split(emulator, "diagonal", True) == (0, of_jacobian + 6 * 80 + 21 * 80)
    assert products.best_split(make((8, 6, 8)), "matrix", False)[0] == 0, "not worth a second network"
    assert products.best_split(make((900, 900)), "matrix", False)[0] == 0, "no layer to split at"


def test_halves_are_made_once_and_go_with_the_network():
    net = make(NARROW)
    x = random_array((net.n_in,))
    net.fisher(x)
    halves = products.halves(net, "identity", True)
    net.fisher(x)
    assert products.halves(net, "identity", True) is halves
    assert products.halves(net, "matrix", False) is halves, "the same layer"
    assert [half.widths for half in halves] == [NARROW[:3], NARROW[2:]]
    others = make(WIDE), net.select(wrt=[1])
    for other in others:
        other.fisher(x[: other.n_in])
    gone = [weakref.ref(each) for each in (net, halves[0], *others)]
    del net, halves, other, others
    gc.collect()
    assert [each() for each in gone] == [None] * 4


def test_a_subclass_is_split_into_plain_networks():
    class Own(fj.Network):
        def __init__(self):
            super().__init__(make(NARROW).layers)

    x = random_array((NARROW[0],))
    np.testing.assert_array_equal(Own().fisher(x), make(NARROW).fisher(x))


@pytest.mark.parametrize("widths", [(30, 200, 40), (40, 60, 4, 60, 30)], ids=str)
def test_jacobians_of_a_batch_are_never_held(widths):
    net, n_points = make(widths), 4000
    x, P = random_array((n_points, net.n_in)), np.eye(net.n_in)
    for product in (lambda x: net.propagate_covariance(x, P), net.fisher):
        product(x[:2])
        tracemalloc.start()
        result = product(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result.shape[0] == n_points
        assert peak < result.nbytes + 3_000_000 < result.nbytes + net.jacobian(x).nbytes / 8


def test_a_point_has_the_same_bits_in_every_batch(dtype):
    net = make(NARROW, dtype)
    x, P = random_array((200, net.n_in)), symmetric((net.n_in,) * 2)
    batch = net.propagate_covariance(x, P)
    np.testing.assert_array_equal(batch[137], net.propagate_covariance(x[137], P))
    np.testing.assert_array_equal(batch[137:140], net.propagate_covariance(x[137:140], P))


@pytest.mark.parametrize("m, k, n", [(1, 700, 300), (300, 700, 1), (65, 129, 200), (64, 64, 65), (3, 500, 500)])
def test_matrices_are_multiplied_in_pieces(m, k, n, monkeypatch):
    A, B = random_array((2, m, k)), random_array((k, n))
    expected = np.einsum("aik,kj->aij", A, B)
    sizes = []

    def matmul(A, B, out):
        sizes.append((A.shape[-2], A.shape[-1], B.shape[-1]))
        return np.einsum("aik,kj->aij", A, B, out=out)

    monkeypatch.setattr(products.np, "matmul", matmul)
    np.testing.assert_allclose(products.multiply(A, B), expected, rtol=1e-11, atol=1e-11)
    assert sizes, "it was cut"
    assert all(m * k * n <= (96**2 if 1 in (m, n) else 64**3) for m, k, n in sizes)


def test_nan_stays_with_its_point_and_nothing_warns():
    net = make(NARROW, "float32")
    x = random_array((5, net.n_in))
    P = np.eye(net.n_in)
    expected = net.propagate_covariance(x, P)
    x[3, 0] = np.nan
    with np.errstate(all="raise"):
        result = net.propagate_covariance(x, P)
        assert not np.isfinite(net.propagate_covariance(x[:1], 1e300 * P)).any(), "beyond float32"
    assert np.isnan(result[3]).all()
    np.testing.assert_array_equal(np.delete(result, 3, 0), np.delete(expected, 3, 0))


def test_covariance_is_taken_as_any_array():
    net = make_mixed()
    x, P = random_array((4,)), symmetric((4, 4))
    expected = net.propagate_covariance(x, P)
    for same in (P.tolist(), np.asfortranarray(P), P.astype(">f8"), memoryview(P)):
        np.testing.assert_array_equal(net.propagate_covariance(x.tolist(), same), expected)
    np.testing.assert_array_equal(net.propagate_covariance(x, np.eye(4, dtype=int)),
                                  net.propagate_covariance(x, np.eye(4)))


@pytest.mark.parametrize("call, error, message", [
    (lambda net: net.propagate_covariance(np.ones(3), np.eye(4)), ValueError, r"x: .*\(..., 4\), got \(3,\)"),
    (lambda net: net.propagate_covariance(np.ones(4), np.eye(5)), ValueError, r"P: .*\(..., 4, 4\), got \(5, 5\)"),
    (lambda net: net.propagate_covariance(np.ones(4), np.ones(4)), ValueError, r"P: .*\(..., 4, 4\), got \(4,\)"),
    (lambda net: net.propagate_covariance(np.ones(4), 1j * np.eye(4)), TypeError, "P: expected real numbers"),
    (lambda net: net.propagate_covariance(np.ones(4), np.eye(4), np.eye(4)), ValueError, r"Q: .*\(..., 5, 5\)"),
    (lambda net: net.propagate_covariance(np.ones((2, 4)), np.ones((3, 4, 4))), ValueError, r"P: .*\(2,\), got \(3,\)"),
    (lambda net: net.propagate_covariance(np.ones((2, 4)), np.eye(4), np.ones((3, 5, 5))), ValueError,
     r"Q: .*\(2,\), got \(3,\)"),
    (lambda net: net.fisher(np.ones(4), 2.0), ValueError, r"precision: expected shape \(5,\).*got \(\)"),
    (lambda net: net.fisher(np.ones(4), np.ones((2, 5))), ValueError, r"precision: .*\(5,\).*got \(2, 5\)"),
    (lambda net: net.fisher(np.ones((2, 4)), np.ones((3, 5, 5))), ValueError, r"precision: .*\(2,\), got \(3,\)"),
    (lambda net: net.fisher(np.ones(4), np.ma.ones(5)), TypeError, "precision: .*masked"),
])
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call(make_mixed())


def test_network_without_layers():
    for call in (lambda net: net.fisher([1.0]), lambda net: net.propagate_covariance([1.0], [[1.0]])):
        with pytest.raises(RuntimeError, match="__init__ was not called"):
            call(fj.Network.__new__(fj.Network))

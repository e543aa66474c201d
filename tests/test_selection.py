"""Selected inputs and outputs: the same numbers as those rows and columns of J, for fewer multiply-adds."""

import copy
import pickle

import numpy as np
import pytest
from support import assert_close, make_network

import fastjac as fj

# One layer and several; last derivatives that are one, diagonal and dense; either sweep, blocks that meet.
NETWORKS = {
    "identity": ((5, 9, 4), ["tanh", "identity"]),
    "diagonal": ((40, 9, 30), ["relu"]),
    "meeting": ((30, 20, 2, 20, 30), ["tanh"]),
    "softmax": ((5, 9, 30, 4), ["relu", "tanh", "softmax"]),
    "log_softmax": ((5, 9, 30, 4), ["gelu", "relu", "log_softmax"]),
    "one layer": ((5, 4), ["tanh"]),
    "one dense layer": ((5, 4), ["softmax"]),
}
CHOICES = {
    "all": (None, None),
    "columns": (slice(1, 3), None),
    "rows": (None, [3, -4]),
    "backwards": (slice(None, None, -2), np.array([2, 0], np.uint8)),
    "mask": ("odd", "odd"),
    "repeated": ([0, 1] * 25, [1] * 45),
}


def indices(choice, n):
    if choice is None:
        return slice(None), None
    if isinstance(choice, str):
        choice = np.arange(n) % 2 == 1
    return np.arange(n)[choice], choice


@pytest.fixture(params=NETWORKS)
def net(request, dtype, engine):
    return make_network(*NETWORKS[request.param], dtype, engine=engine)


@pytest.fixture(params=["packed", "blas"])
def engine(request):
    return request.param


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("n_points", [None, 7, 200])
def test_parts_of_the_whole(net, choice, n_points):
    random = np.random.default_rng(1)
    columns, wrt = indices(CHOICES[choice][0], net.n_in)
    rows, outputs = indices(CHOICES[choice][1], net.n_out)
    leading = () if n_points is None else (n_points,)
    x = random.standard_normal((*leading, net.n_in)).astype(net.dtype)
    y, J = net.value_and_jacobian(x)
    y, J = y[..., rows], J[..., rows, :][..., columns]
    v = random.standard_normal((*leading, J.shape[-1])).astype(net.dtype)
    w = random.standard_normal((*leading, J.shape[-2])).astype(net.dtype)

    part = net.select(wrt, outputs)
    assert (part.n_in, part.n_out, part.n_wrt) == (net.n_in, *J.shape[-2:])
    assert_close(part(x), y)
    assert_close(part.jacobian(x), J)
    assert_close(net.jacobian(x, wrt=wrt, outputs=outputs), J)
    for got, expected in zip(net.value_and_jacobian(x, wrt=wrt, outputs=outputs), (y, J)):
        assert_close(got, expected)
    assert_close(part.jvp(x, v), (J @ v[..., None])[..., 0])
    assert_close(part.vjp(x, w), (w[..., None, :] @ J)[..., 0, :])


@pytest.mark.parametrize("choice", CHOICES)
def test_same_bits_in_every_layout_and_batch(choice, dtype):
    net = make_network((40, 9, 30), ["relu"], dtype)
    part = net.select(*(indices(c, n)[1] for c, n in zip(CHOICES[choice], (net.n_in, net.n_out))))
    x = np.random.default_rng(2).standard_normal((50, 40)).astype(dtype)
    y, J = part.value_and_jacobian(x)
    turned = np.empty(y.shape[::-1], dtype).T, np.empty(J.shape[::-1], dtype).T
    part.value_and_jacobian(x, out=turned, workers=2)
    assert np.array_equal(turned[0], y)
    assert np.array_equal(turned[1], J)
    assert np.array_equal(part(x[3]), y[3])
    assert np.array_equal(part.jacobian(x[3]), J[3])


def test_fewer_multiply_adds():
    net = make_network((8, 64, 64, 8), ["tanh"])
    whole, part = net.plan(), net.select(wrt=slice(2), outputs=slice(4)).plan()
    assert part.multiply_adds == 2 * 64 * 64 + 2 * 64 * 4 < whole.multiply_adds / 3
    assert part.widths == (2, 64, 64, 4)


def test_order_stays_as_asked():
    net = make_network((5, 9, 30, 4), ["relu", "tanh", "softmax"], order=((3, 2), 1))
    assert net.select(wrt=[0]).plan().bracketing == net.plan().bracketing == "((A3 A2) A1)"
    assert net.select(outputs=[0]).plan().bracketing == "(A4 ((A3 A2) A1))"


def test_a_selection_outlives_its_network():
    net = make_network((5, 9, 4), ["tanh"])
    part, expected = net.select([0]), net.jacobian(np.ones(5))[:, :1]
    part.network = None
    del net
    assert_close(part.jacobian(np.ones(5)), expected)


def test_choices_are_kept(monkeypatch):
    from fastjac import _packed

    net = make_network((5, 9, 4), ["tanh"])
    made = []
    make_plan = _packed.make_plan
    monkeypatch.setattr(_packed, "make_plan", lambda *args, **options: made.append(1) or make_plan(*args, **options))
    for _ in range(3):
        net.jacobian(np.ones(5), wrt=[0, 1])
        net.jacobian(np.ones(5), wrt=slice(0, 2))
    assert len(made) == 4  # a plan for a point and one for batches, for either spelling
    for k in range(200):
        net.jacobian(np.ones(5), wrt=[0] * (k + 1))
    assert_close(net.jacobian(np.ones(5), wrt=[1]), net.jacobian(np.ones(5))[:, 1:2])


def test_copies():
    part = make_network((5, 9, 4), ["tanh"]).select([1, 2], [0])
    assert copy.copy(part) is copy.deepcopy(part) is part
    again = pickle.loads(pickle.dumps(part))
    assert np.array_equal(again.jacobian(np.ones(5)), part.jacobian(np.ones(5)))
    assert repr(part).startswith("Selection of 1 outputs by 2 inputs")
    assert "__init__ was not called" in repr(fj.Selection.__new__(fj.Selection))


@pytest.mark.parametrize("index, error, message", [
    (5, ValueError, r"wrt: expected one dimension, got shape \(\)"),
    ([[0, 1]], ValueError, "wrt: expected one dimension"),
    ([], ValueError, "wrt: expected at least one index, got none"),
    (slice(3, 3), ValueError, "wrt: expected at least one index, got none"),
    (np.zeros(5, bool), ValueError, "wrt: expected at least one index, got none"),
    ([True, False], ValueError, "wrt: expected a mask of 5 elements, got 2"),
    ([0.0], TypeError, "wrt: expected a slice, integers or a mask"),
    ("ab", TypeError, "wrt: expected a slice, integers or a mask"),
    (["ab"], TypeError, "wrt: expected a slice, integers or a mask"),
    (slice([0], None), TypeError, "wrt: expected a slice, integers or a mask"),
    (slice("a", "b"), TypeError, "wrt: expected a slice, integers or a mask"),
    ([[0], [1, 2]], TypeError, "wrt: expected a slice, integers or a mask"),
    ([0, 5], IndexError, "wrt: expected indices from -5 to 4, got 5"),
    ([-6], IndexError, "wrt: expected indices from -5 to 4, got -6"),
])
def test_bad_choices(index, error, message):
    net = make_network((5, 9, 4), ["tanh"])
    for select in (net.select, lambda wrt: net.jacobian(np.ones(5), wrt=wrt)):
        with pytest.raises(error, match=message):
            select(index)


def test_a_selection_is_not_selected_from():
    part = make_network((5, 9, 4), ["tanh"]).select([0])
    for select in (lambda: part.jacobian(np.ones(5), wrt=[0]), lambda: fj.Selection(part)):
        with pytest.raises(TypeError, match="expected a Network, got a Selection"):
            select()
    with pytest.raises(TypeError):
        fj.Selection([1])
    with pytest.raises(RuntimeError, match="__init__ was not called"):
        fj.Selection(fj.Network.__new__(fj.Network))


def test_shapes_of_results_are_checked():
    part = make_network((5, 9, 4), ["tanh"]).select([0, 1], [3])
    with pytest.raises(ValueError, match=r"out: expected shape \(1, 2\), got \(4, 5\)"):
        part.jacobian(np.ones(5), out=np.empty((4, 5)))
    with pytest.raises(ValueError, match=r"v: expected shape \(\.\.\., 2\)"):
        part.jvp(np.ones(5), np.ones(5))

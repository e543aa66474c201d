"""The plate with a learned law: the law against textbook formulas, the elements, Newton's method."""

import numpy as np
import pytest
from loading import EXAMPLES, load
from numpy.testing import assert_allclose

import fastjac as fj


@pytest.fixture(scope="module")
def simulate():
    return load("elasticity", "simulate")


@pytest.fixture(scope="module")
def train():
    return load("elasticity", "train")


@pytest.fixture(scope="module")
def net():
    return fj.from_npz(EXAMPLES / "elasticity" / "elasticity.npz")


@pytest.fixture(scope="module")
def compared(simulate, net):
    return simulate.compare(net, n=10)


def random_strain(n_points, seed=0):
    return np.random.default_rng(seed).uniform(-0.1, 0.1, (n_points, 3))


# ------------------------------------------------------------------------------------------------ the law to be learned


def test_hencky_at_small_strain_is_hooke_in_plane_stress(simulate):
    E = 9 * 3300 * 870 / (3 * 3300 + 870)
    nu = E / (2 * 870) - 1
    C = E / (1 - nu**2) * np.array([[1, nu, 0], [nu, 1, 0], [0, 0, (1 - nu) / 2]])
    assert_allclose(simulate.hencky.tangent(np.zeros((1, 3)))[0], C, rtol=1e-12, atol=1e-9)


def test_hencky_has_a_potential(simulate):
    C = simulate.hencky.tangent(random_strain(50))
    assert_allclose(C, C.transpose(0, 2, 1), atol=1e-9)


def test_hencky_in_uniaxial_tension(simulate):
    """With no stress across, yy and zz are alike, and the stress along is 3 G(q) q."""
    along, low, high = 0.05, -0.05, 0.0
    while high - low > 1e-15:  # bisection for the strain across
        across = (low + high) / 2
        xx, yy, _ = simulate.hencky.stress(np.array([[along, across, 0]]))[0]
        low, high = (low, across) if yy > 0 else (across, high)
    q = 2 / 3 * (along - across)
    assert_allclose(xx, 3 * q * 870 * (0.95 / np.hypot(1, q / 0.025) + 0.05), rtol=1e-9)
    assert_allclose(xx, 3 * 3300 * (along + 2 * across), rtol=1e-9)


# ------------------------------------------------------------------------------------------------------- the network


def test_network_is_as_accurate_as_it_says(train, net):
    error, error_C = train.errors(net, n_points=512)
    assert error < 5e-4
    assert error_C < 5e-3


def test_training_converges(train):
    reports = []
    net = train.train(n_points=256, n_iterations=30, widths=(3, 8, 3), report=reports.append)
    assert len(reports) == 3
    assert train.errors(net, n_points=256)[0] < 0.05


def test_tied_weights_have_a_symmetric_tangent():
    """As the README says: J of W diag(c) tanh(W^T x + b) is W diag(c tanh') W^T."""
    random = np.random.default_rng(3)
    W, b, c = random.normal(size=(3, 8)), random.normal(size=8), random.normal(size=8)
    C = fj.Network([fj.Layer(W, b, "tanh"), fj.Layer(c[:, None] * W.T)]).jacobian(random_strain(10))
    assert_allclose(C, C.transpose(0, 2, 1), rtol=1e-12, atol=1e-14)


# --------------------------------------------------------------------------------------------------- finite elements


def test_area_of_the_plate(simulate):
    plate = simulate.Plate(40)
    assert_allclose(plate.weight[:, ::3].sum(), 50**2 - np.pi * 10**2 / 4, rtol=1e-4)


def test_affine_displacements_give_constant_strain(simulate):
    plate = simulate.Plate(4)
    gradient = np.array([[0.01, 0.02], [-0.03, 0.04]])
    strain = plate.strain((plate.nodes @ gradient.T).ravel())
    assert_allclose(strain, np.tile([0.01, 0.04, -0.01], (64, 1)), atol=1e-15)


@pytest.mark.parametrize("name", ["exact", "differences, step 1e-8"])
def test_stiffness_is_the_derivative_of_the_forces(simulate, net, name):
    plate = simulate.Plate(3)
    random = np.random.default_rng(1)
    u, along = 0.2 * random.normal(size=(2, plate.nodes.size))
    along[np.setdiff1d(np.arange(along.size), plate.free)] = 0
    law = simulate.tangents(net)[name]
    K = plate.free_block(plate.stiffness(law(plate.strain(u))[1]))
    h = 1e-5
    ahead, behind = (plate.forces(net(plate.strain(u + sign * h * along))) for sign in (1, -1))
    scale = np.abs(K @ along[plate.free]).max()
    assert_allclose(K @ along[plate.free], ((ahead - behind) / (2 * h))[plate.free], atol=1e-7 * scale)


# -------------------------------------------------------------------------------------------------- Newton's method


def order_of(residuals):
    """p of r_{k+1} ~ r_k^p from the last two steps above rounding errors."""
    r = np.log(residuals[residuals > 1e-12][-3:])
    return (r[2] - r[1]) / (r[1] - r[0])


def test_exact_tangent_converges_quadratically(compared):
    runs = compared[1]
    residuals = runs["exact"][1]
    assert residuals[-1] < 1e-11
    assert len(residuals) <= 6
    assert order_of(residuals) > 1.8


def test_other_tangents_converge_linearly(compared):
    runs = compared[1]
    for name in ("differences, step 1e-4", "symmetrised", "initial"):
        residuals = runs[name][1]
        assert len(residuals) > len(runs["exact"][1])
        assert order_of(residuals) < 1.4


def test_tangents_lead_to_the_same_displacements(compared):
    runs = compared[1]
    for name in ("differences, step 1e-8", "differences, step 1e-4", "symmetrised"):
        assert_allclose(runs[name][0], runs["exact"][0], rtol=0, atol=1e-9)


def test_displacements_are_those_of_the_true_law(compared, train):
    plate, runs = compared
    u, true = runs["exact"][0], runs["true law"][0]
    assert np.abs(plate.strain(u)).max() < train.LARGEST  # where the network was trained
    assert true.max() == 1.0  # mm at the edge
    assert np.abs(u - true).max() < 4e-3

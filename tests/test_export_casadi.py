"""An exported network inside CasADi: derivatives through `external`, an NLP solved by IPOPT."""

import numpy as np
import pytest
from exported import export, needs_gcc
from support import assert_close, make_network, random_array

casadi = pytest.importorskip("casadi")
pytestmark = needs_gcc


@pytest.fixture(params=["forward", "reverse"])
def order(request):
    return request.param


def make_external(folder, net, **options):
    exported = export(folder, net, **options)
    return casadi.external(exported.name, str(folder / f"{exported.name}.so"))


def evaluate(expression, arguments, values):
    return np.array(casadi.Function("g", arguments, [expression])(*values))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_value_and_derivatives(dtype, order, tmp_path):
    net = make_network((4, 9, 7, 3), ["tanh", "silu", "identity"], dtype, order=order)
    f = make_external(tmp_path, net)
    x, v, w = casadi.MX.sym("x", 4), casadi.MX.sym("v", 4), casadi.MX.sym("w", 3)
    at, along, seed = random_array(4, dtype, 1), random_array(4, dtype, 2), random_array(3, dtype, 3)

    def as_net(array):
        return array.astype(dtype)

    assert_close(as_net(evaluate(f(x), [x], [at]))[:, 0], net(at))
    assert_close(as_net(evaluate(casadi.jacobian(f(x), x), [x], [at])), net.jacobian(at))
    assert_close(as_net(evaluate(casadi.jtimes(f(x), x, v), [x, v], [at, along]))[:, 0], net.jvp(at, along))
    assert_close(as_net(evaluate(casadi.jtimes(f(x), x, w, True), [x, w], [at, seed]))[:, 0], net.vjp(at, seed))


def test_symbols_are_used(tmp_path):
    """CasADi finds all four symbols, so that it never falls back on finite differences."""
    net = make_network((4, 9, 3), ["tanh"])
    make_external(tmp_path, net, name="plant")
    for symbol, n_in in (("plant", 1), ("jac_plant", 2), ("fwd1_plant", 3), ("adj1_plant", 3)):
        f = casadi.external(symbol, str(tmp_path / "plant.so"))
        assert f.n_in() == n_in
        assert f.n_out() == 1
    assert casadi.external("jac_plant", str(tmp_path / "plant.so")).size_out(0) == (3, 4)


def test_missing_arguments_are_zeros(tmp_path):
    net = make_network((4, 9, 3), ["tanh"])
    f = make_external(tmp_path, net)
    assert_close(np.array(f(0))[:, 0], net(np.zeros(4)))
    assert_close(np.array(f(casadi.DM(4, 1)))[:, 0], net(np.zeros(4)))


def test_without_derivatives_casadi_is_told_so(tmp_path):
    f = make_external(tmp_path, make_network((4, 9, 3), ["tanh"]), functions=["value"])
    with pytest.raises(RuntimeError, match="Derivatives cannot be calculated"):
        f.jacobian()


def test_finite_differences_of_casadi_agree(tmp_path):
    net = make_network((4, 9, 3), ["tanh"])
    export(tmp_path, net, name="bare", functions=["value"])
    differences = casadi.external("bare", str(tmp_path / "bare.so"), {"enable_fd": True})
    x, at = casadi.MX.sym("x", 4), random_array(4)
    exact, approximate = (evaluate(casadi.jacobian(f(x), x), [x], [at])
                          for f in (make_external(tmp_path, net), differences))
    np.testing.assert_allclose(approximate, exact, atol=1e-5)


def test_nonlinear_programme_with_ipopt(tmp_path, capfd):
    """The network in objective and constraint. IPOPT's own derivative test finds no error, and the optimum is that of
    the same problem written in CasADi."""
    net = make_network((4, 16, 16, 3), ["tanh", "tanh", "identity"])
    external = make_external(tmp_path, net)

    def native(x):
        for layer in net.layers:
            h = casadi.mtimes(casadi.DM(layer.W.T), x) + casadi.DM(layer.b)
            x = casadi.tanh(h) if layer.activation == "tanh" else h
        return x

    solutions = []
    for f in (external, native):
        x = casadi.MX.sym("x", 4)
        y = f(x)
        problem = {"x": x, "f": casadi.sumsqr(x - 1) + casadi.sumsqr(y), "g": y[0] - x[1]}
        options = {"print_time": 0, "ipopt": {
            "print_level": 5, "sb": "yes", "tol": 1e-9, "hessian_approximation": "limited-memory",
            "derivative_test": "first-order"}}
        solver = casadi.nlpsol("solver", "ipopt", problem, options)
        solutions.append(np.array(solver(x0=0.1, lbg=0, ubg=0)["x"])[:, 0])
        assert solver.stats()["success"]
        assert "No errors detected by derivative checker" in capfd.readouterr().out
    np.testing.assert_allclose(solutions[0], solutions[1], atol=1e-7)
    assert abs(net(solutions[0])[0] - solutions[0][1]) < 1e-8

"""Networks inside the solvers that ask for callables: each host is run and reaches what NumPy says."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import NonlinearConstraint, least_squares, minimize, root
from support import make_network, random_array

import fastjac as fj
from fastjac.adapters.filterpy import KalmanModel
from fastjac.adapters.sundae import CvodeOde


class Counted:
    """A callable that counts its calls."""

    def __init__(self, function):
        self.function, self.n_calls = function, 0

    def __call__(self, *arguments):
        self.n_calls += 1
        return self.function(*arguments)


# ------------------------------------------------------------ ordinary differential equations

N = 8
T = 2.0
Y0 = np.linspace(-0.5, 1.0, N)


def stiff_matrix():
    """Rates from 1 to 3000, mixed."""
    V = np.eye(N) + 0.2 * random_array((N, N)) / np.sqrt(N)
    return V @ np.diag(-np.geomspace(1, 3000, N)) @ np.linalg.inv(V)


@pytest.fixture(scope="module")
def stiff():
    """dy/dt = A tanh(y) + B tanh(u / 2): the network, whose inputs are u_0, y, u_1, and A and B."""
    A, B = stiff_matrix(), random_array((N, 2), seed=5)
    W1 = np.zeros((N + 2, N + 2))
    W1[1:-1, :N] = np.eye(N)
    W1[0, N] = W1[N + 1, N + 1] = 0.5
    return fj.Network([(W1, None, "tanh"), (np.vstack([A.T, B.T]), None)]), A, B


def controls(t):
    return [np.sin(5 * t), 0.3]


@pytest.fixture(scope="module")
def at_the_end(stiff):
    """y(T) by an explicit method of high order, from NumPy alone."""
    _, A, B = stiff
    solution = solve_ivp(lambda t, y: A @ np.tanh(y) + B @ np.tanh(0.5 * np.asarray(controls(t))), (0, T), Y0,
                         method="DOP853", rtol=1e-10, atol=1e-12)
    return solution.y[:, -1]


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_solve_ivp_needs_fewer_evaluations_than_with_finite_differences(stiff, at_the_end, method):
    ode = stiff[0].as_ode(state=slice(1, 1 + N), held=controls)
    n_calls = {}
    for jac in (ode.jac, None):
        fun = Counted(ode.fun)
        solution = solve_ivp(fun, (0, T), Y0, method=method, rtol=1e-6, atol=1e-9, jac=jac)
        assert solution.success
        np.testing.assert_allclose(solution.y[:, -1], at_the_end, atol=2e-5)
        n_calls[jac is None] = fun.n_calls
    assert n_calls[False] < n_calls[True]


def test_ode_is_the_network_in_its_columns(stiff):
    net = stiff[0]
    ode = net.as_ode(state=slice(1, 1 + N), held=controls)
    u = controls(0.7)
    x = np.concatenate([u[:1], Y0, u[1:]])
    np.testing.assert_array_equal(ode.fun(0.7, Y0), net(x))
    np.testing.assert_allclose(ode.jac(0.7, Y0), net.jacobian(x)[:, 1:-1], rtol=1e-13, atol=1e-12)
    constant = net.as_ode(state=range(1, 1 + N), held=u)
    np.testing.assert_array_equal(constant.fun(99.0, Y0), net(x))


def test_autonomous_ode(dtype):
    net = make_network((4, 9, 4), ["tanh", "identity"], dtype)
    ode = net.as_ode()
    y = random_array((4,))
    np.testing.assert_array_equal(ode.fun(0, y), net(y))
    np.testing.assert_array_equal(ode.jac(0, y), net.jacobian(y))


def test_ode_in_another_order_with_further_outputs():
    net = make_network((4, 9, 5), ["tanh", "identity"])
    ode = net.as_ode(state=[3, 0], held=[0.1, 0.2], outputs=[4, 1])
    x = [-0.5, 0.1, 0.2, 0.5]
    np.testing.assert_allclose(ode.fun(0, [0.5, -0.5]), net(x)[[4, 1]], rtol=1e-13)
    np.testing.assert_allclose(ode.jac(0, [0.5, -0.5]), net.jacobian(x)[[4, 1]][:, [3, 0]], rtol=1e-12)


@pytest.mark.parametrize("options, error, message", [
    ({"state": [0, 1]}, ValueError, "expected one output for each of the 2 state variables, got 5"),
    ({"state": [0, 0], "outputs": [0, 1]}, ValueError, r"state: expected each input once, got \[0, 0\]"),
    ({"state": [7], "outputs": [0]}, IndexError, "state: .*7"),
    ({"state": [0], "outputs": [0], "held": [1.0]}, ValueError, r"held: expected shape \(3,\), .*got \(1,\)"),
    ({"state": [0], "outputs": [0], "held": 1j * np.ones(3)}, TypeError, "held: expected real numbers"),
])
def test_ode_that_does_not_fit(options, error, message):
    with pytest.raises(error, match=message):
        make_network((4, 9, 5), ["tanh"]).as_ode(**options)


def test_held_inputs_that_were_forgotten_or_do_not_fit_at_a_time():
    net = make_network((4, 9, 5), ["tanh"])
    with pytest.raises(ValueError, match="held: expected the 3 inputs besides state, got None"):
        net.as_ode([0], outputs=[0]).fun(0, [1.0])
    with pytest.raises(ValueError, match=r"held: expected shape \(3,\)"):
        net.as_ode([0], lambda t: [t], outputs=[0]).jac(0, [1.0])
    with pytest.raises(ValueError, match=r"state: expected shape \(..., 1\), got \(2,\)"):
        net.as_ode([0], np.ones(3), outputs=[0]).fun(0, [1.0, 2.0])


class CountedOde(CvodeOde):
    n_calls = n_jacobians = 0

    def rhsfn(self, t, y, yp):
        self.n_calls += 1
        super().rhsfn(t, y, yp)

    def jacfn(self, t, y, yp, JJ):
        self.n_jacobians += 1
        super().jacfn(t, y, yp, JJ)


@pytest.mark.parametrize("options", [{"linsolver": "dense"}, {"linsolver": "band", "lband": N - 1, "uband": N - 1}],
                         ids=lambda options: options["linsolver"])
def test_cvode_is_filled_in_place(stiff, at_the_end, options):
    cvode = pytest.importorskip("sksundae.cvode")
    n_calls = {}
    for is_exact in (True, False):
        ode = CountedOde(stiff[0], state=slice(1, 1 + N), held=controls)
        jacfn = ode.jacfn if is_exact else None
        solver = cvode.CVODE(ode.rhsfn, jacfn=jacfn, rtol=1e-7, atol=1e-9, max_num_steps=5000, **options)
        solution = solver.solve([0, T], Y0)
        assert solution.success
        np.testing.assert_allclose(solution.y[-1], at_the_end, atol=2e-5)
        n_calls[is_exact] = ode.n_calls
        assert (ode.n_jacobians > 0) == is_exact
    assert n_calls[True] < n_calls[False]


def test_cvode_takes_the_methods_themselves_and_refuses_sparse_matrices():
    ode = CvodeOde(make_network((4, 9, 4), ["tanh", "identity"]))
    with pytest.raises(ValueError, match=r"dense or banded.*\(16,\)"):
        ode.jacfn(0, np.zeros(4), np.zeros(4), np.zeros(16))
    cvode = pytest.importorskip("sksundae.cvode")
    assert cvode.CVODE(ode.rhsfn, jacfn=ode.jacfn).solve([0, 0.1], np.zeros(4)).success


# ------------------------------------------------------------ optimisation


@pytest.fixture
def law():
    """Three outputs of five inputs, two of which are held; where the three outputs come from."""
    net = make_network((5, 30, 3), ["tanh", "identity"], gain=1.5)
    return net, {"wrt": [4, 0, 2], "held": [0.3, -0.2]}, np.array([0.2, -0.1, 0.4])


def whole_point(v):
    """The point with the inputs 1 and 3 held, as `law` says."""
    return np.array([v[1], 0.3, v[2], -0.2, v[0]])


def count_evaluations(residual, monkeypatch):
    """The calls of value_and_jacobian of what `residual` evaluates."""
    counted = Counted(residual._inputs.part.value_and_jacobian)

    class Part:
        value_and_jacobian = staticmethod(counted)

    part = Part()
    part.n_in = residual._inputs.part.n_in
    monkeypatch.setattr(residual._inputs, "part", part)
    return counted


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root(law, method):
    net, parts, v = law
    target = net(whole_point(v))
    residual = net.as_residual(target, **parts)
    for fun, jac in ((residual.fun, residual.jac), (residual.fun_and_jac, True)):
        found = root(fun, v + 0.2, jac=jac, method=method)
        assert found.success
        np.testing.assert_allclose(net(whole_point(found.x)), target, atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"loss": "soft_l1"}, {"method": "lm"}, {"x_scale": "jac"}], ids=str)
def test_least_squares_evaluates_each_point_once(law, options, monkeypatch):
    net, parts, v = law
    target = net(whole_point(v))
    residual = net.as_residual(target, **parts)
    evaluations = count_evaluations(residual, monkeypatch)
    found = least_squares(residual.fun, v + 0.2, jac=residual.jac, **options)
    np.testing.assert_allclose(net(whole_point(found.x)), target, atol=1e-6)
    # MINPACK does not report all its calls; the others evaluate fun at a point, and jac at some of the same points.
    if "method" not in options:
        assert found.njev > 1
        assert evaluations.n_calls <= found.nfev + 1


def test_minimize(law):
    net, parts, v = law
    residual = net.as_residual(net(whole_point(v)), **parts)
    found = minimize(residual.cost_and_gradient, v + 0.2, jac=True, method="BFGS", options={"gtol": 1e-8})
    assert found.fun < 1e-12
    cost, gradient = residual.cost_and_gradient(v + 0.2)
    r = net(whole_point(v + 0.2)) - net(whole_point(v))
    assert cost == pytest.approx(0.5 * (r**2).sum(), rel=1e-12)
    np.testing.assert_allclose(gradient, r @ net.jacobian(whole_point(v + 0.2))[:, [4, 0, 2]], rtol=1e-10)


def test_constraint_of_minimize(law):
    net, parts, _ = law
    residual = net.as_residual(outputs=[1], **parts)
    constraint = NonlinearConstraint(residual.fun, 0.5, np.inf, jac=residual.jac)
    found = minimize(lambda v: (v @ v, 2 * v), np.zeros(3), jac=True, constraints=constraint, method="SLSQP")
    assert found.success
    assert net(whole_point(found.x))[1] >= 0.5 - 1e-6


def test_residual_is_evaluated_once_for_a_point_that_is_changed_in_place(law, monkeypatch):
    net, parts, v = law
    residual = net.as_residual(**parts)
    evaluations = count_evaluations(residual, monkeypatch)
    r, J = residual.fun(v), residual.jac(v)
    assert evaluations.n_calls == 1
    expected = r.copy(), J.copy()
    r *= 2  # what a solver does with its own arrays
    J[:] = 0
    np.testing.assert_array_equal(residual.fun(v), expected[0])
    np.testing.assert_array_equal(residual.fun_and_jac(v)[1], expected[1])
    residual.fun_and_jac(v)[1][:] = 0
    np.testing.assert_array_equal(residual.jac(v), expected[1])
    assert evaluations.n_calls == 1
    v += 0.1
    np.testing.assert_allclose(residual.fun(v), net(whole_point(v)), rtol=1e-13)
    assert evaluations.n_calls == 2


def test_residual_is_float64_whatever_the_network_is():
    residual = make_network((3, 4, 2), ["tanh"], "float32").as_residual([1, 2])
    assert residual.fun(np.zeros(3)).dtype == residual.jac(np.zeros(3)).dtype == np.float64


@pytest.mark.parametrize("options, error, message", [
    ({"target": [1.0]}, ValueError, r"target: expected shape \(3,\), got \(1,\)"),
    ({"target": "no"}, TypeError, "target: expected real numbers"),
    ({"wrt": [0], "held": lambda t: [t]}, TypeError, "held: expected numbers, got a function"),
    ({"wrt": [1, 1]}, ValueError, "wrt: expected each input once"),
])
def test_residual_that_does_not_fit(law, options, error, message):
    with pytest.raises(error, match=message):
        law[0].as_residual(**options)


# ------------------------------------------------------------ extended Kalman filter


@pytest.fixture
def kalman():
    """filterpy's filter with three state variables and two measured numbers."""
    filters = pytest.importorskip("filterpy.kalman")
    kf = filters.ExtendedKalmanFilter(dim_x=3, dim_z=2)
    kf.x = np.array([[0.1], [-0.4], [0.3]])
    A = random_array((3, 3))
    kf.P, kf.Q, kf.R = A @ A.T, np.diag([0.1, 0.2, 0.3]), np.diag([0.5, 0.4])
    return kf


def test_filter_step_with_controls_follows_the_formulas(kalman):
    motion, sensor = make_network((4, 9, 3), ["tanh", "identity"]), make_network((3, 7, 2), ["tanh"], seed=3)
    u, z = [0.7], np.array([[0.2], [0.1]])
    x, P = kalman.x[:, 0], kalman.P

    model = KalmanModel(motion, state=[0, 1, 2])
    model.predict(kalman, u)
    point = np.concatenate([x, u])
    F = motion.jacobian(point)[:, :3]
    x, P = motion(point), F @ P @ F.T + kalman.Q
    np.testing.assert_allclose(kalman.x, x[:, None], rtol=1e-13)
    np.testing.assert_allclose(kalman.P, P, rtol=1e-12)
    np.testing.assert_allclose(kalman.F, F, rtol=1e-12)
    np.testing.assert_array_equal(kalman.x_prior, kalman.x)
    np.testing.assert_array_equal(kalman.P_prior, kalman.P)

    model = KalmanModel(sensor)
    kalman.update(z, model.HJacobian, model.Hx)
    H = sensor.jacobian(x)
    K = P @ H.T @ np.linalg.inv(H @ P @ H.T + kalman.R)
    np.testing.assert_allclose(kalman.x, (x + K @ (z[:, 0] - sensor(x)))[:, None], rtol=1e-12)
    np.testing.assert_allclose(kalman.P, (np.eye(3) - K @ H) @ P, rtol=1e-10)
    assert kalman.x.shape == (3, 1)


def test_arguments_of_a_measurement(kalman):
    sensor = make_network((4, 7, 2), ["tanh"])
    model = KalmanModel(sensor, state=slice(1, None), held=[9.0])
    x = np.concatenate([[0.5], kalman.x[:, 0]])
    np.testing.assert_allclose(model.Hx(kalman.x, [0.5])[:, 0], sensor(x), rtol=1e-13)
    np.testing.assert_allclose(model.HJacobian(kalman.x, [0.5]), sensor.jacobian(x)[:, 1:], rtol=1e-12)
    np.testing.assert_allclose(model.Hx(kalman.x[:, 0]), sensor([9.0, *x[1:]]), rtol=1e-13)
    kalman.update(np.zeros((2, 1)), model.HJacobian, model.Hx, args=([0.5],), hx_args=([0.5],))
    np.testing.assert_allclose(kalman.y[:, 0], -sensor(x), rtol=1e-13)


def test_held_inputs_of_a_filter_know_no_time():
    with pytest.raises(TypeError, match="held: expected numbers, got a function"):
        KalmanModel(make_network((4, 7, 2), ["tanh"]), state=[0, 1, 2], held=lambda t: [t])


def test_motion_with_another_number_of_outputs(kalman):
    with pytest.raises(ValueError, match="one output for each of the 3 state variables, got 2"):
        KalmanModel(make_network((3, 7, 2), ["tanh"])).predict(kalman)


# ------------------------------------------------------------ Pyomo


@pytest.fixture
def pyomo():
    return pytest.importorskip("pyomo.environ")


def test_grey_box_in_a_model(pyomo):
    from pyomo.contrib.pynumero.interfaces.external_grey_box import ExternalGreyBoxBlock

    from fastjac.adapters.pyomo import grey_box

    net = make_network((4, 9, 2), ["relu", "relu"])
    model = pyomo.ConcreteModel()
    box = grey_box(net, ["force", "angle", "speed"], ["lift", "drag"], wrt=[2, 0, 1], held=[0.5])
    model.wing = ExternalGreyBoxBlock(external_model=box)
    assert list(model.wing.inputs) == ["force", "angle", "speed"]
    assert list(model.wing.outputs) == ["lift", "drag"]
    values = np.array([0.3, -0.6, 0.9])
    for _ in range(2):
        x = [values[1], values[2], values[0], 0.5]
        box.set_input_values(values)
        values_before, values[:] = values.copy(), np.nan  # the solver's own array
        J = box.evaluate_jacobian_outputs()
        np.testing.assert_allclose(box.evaluate_outputs(), net(x), rtol=1e-13)
        np.testing.assert_allclose(J.toarray(), net.jacobian(x)[:, [2, 0, 1]], rtol=1e-12)
        assert J.nnz == 6, "zeros are kept, as the pattern may not change"
        values = values_before - 1


def test_grey_box_through_pynumero(pyomo):
    # The part of Pyomo's solver interface that needs no compiled library of its own.
    nlp_of = pytest.importorskip("pyomo.contrib.pynumero.interfaces.pyomo_grey_box_nlp")
    from pyomo.contrib.pynumero.interfaces.external_grey_box import ExternalGreyBoxBlock

    from fastjac.adapters.pyomo import grey_box

    net = make_network((3, 9, 2), ["tanh"], "float32")
    model = pyomo.ConcreteModel()
    model.box = ExternalGreyBoxBlock(external_model=grey_box(net))
    for variable in model.box.component_data_objects(pyomo.Var):
        variable.set_value(0.0)
    nlp = nlp_of._ExternalGreyBoxAsNLP(model.box)
    assert nlp.primals_names() == [f"box.{name}" for name in
                                   ("inputs[x0]", "inputs[x1]", "inputs[x2]", "outputs[y0]", "outputs[y1]")]
    x, y = np.array([0.3, -0.6, 0.9]), np.array([0.1, 0.2])
    nlp.set_primals(np.concatenate([x, y]))
    np.testing.assert_allclose(nlp.evaluate_constraints(), net(x) - y, atol=1e-6)
    np.testing.assert_allclose(nlp.evaluate_jacobian().toarray(), np.hstack([net.jacobian(x), -np.eye(2)]), atol=1e-6)


def test_grey_box_has_the_names_of_the_network(pyomo):
    from fastjac.adapters.pyomo import grey_box

    net = make_network((3, 9, 2), ["tanh"], names_in=["a", "b", 3], names_out=["p", "q"])
    box = grey_box(net, wrt=["3", "a"], held=[0.5], outputs=["q"])
    assert (box.input_names(), box.output_names()) == (["3", "a"], ["q"])
    assert grey_box(net, ["x", "y", "z"]).input_names() == ["x", "y", "z"]


@pytest.mark.parametrize("names, message", [
    ({"input_names": ["a"]}, "names of x: expected 3, got 1"),
    ({"output_names": "abc"}, "names of y: expected 2, got 3"),
])
def test_names_that_do_not_fit(pyomo, names, message):
    from fastjac.adapters.pyomo import grey_box

    with pytest.raises(ValueError, match=message):
        grey_box(make_network((3, 9, 2), ["tanh"]), **names)

"""An airfoil is shaped for least drag at given lifts by SLSQP, with exact derivatives and with finite differences.

    python examples/airfoil/simulate.py                             # sensitivities, optimisation, times
    python examples/airfoil/simulate.py --others                    # and NeuralFoil itself, PyTorch, JAX, NumPy by hand
    python examples/airfoil/simulate.py --picture airfoil.svg       # the picture

The wing of a glider, whose lift is its weight at every speed: the lower its lift coefficient, the faster it flies. The
mean drag coefficient of six lifts is to be least; thickness, nose-down moment and the confidence of the network are
bounded.
"""

import importlib.util
import sys
from functools import partial
from pathlib import Path

import numpy as np
from aerodynamics import ANGLE, CD, CL, CM, CONFIDENCE, NAMES, REYNOLDS, Aerodynamics, read
from authors import Authors, AuthorsDerived
from kulfan import naca, surface
from scipy.optimize import brentq, minimize

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
import packages
from command_line import main
from measuring import medians

SIZE = "xlarge"  # the default of the package
LIFTS = np.array([0.3, 0.5, 0.7, 0.9, 1.1, 1.3])
VARIED = [*range(17), ANGLE]  # the weights of the shape, the angle of attack
PLACES, LEAST_THICKNESS = np.array([0.3, 0.6, 0.9]), np.array([0.12, 0.07, 0.014])  # over the chord
LEAST_MOMENT, LEAST_CONFIDENCE = -0.1, 0.95
START = naca(camber=0.04, place=0.4, thickness=0.12)


def weights_folder():
    return packages.folder("neuralfoil", "neuralfoil") / "nn_weights_and_biases"


def flights(shape, angles, lifts=LIFTS):
    """Parameters (n, 23) of a shape (18,) at angles (n,) in degrees, at the speed for these lifts."""
    p = np.empty((len(angles), len(NAMES)))
    p[:, :ANGLE], p[:, ANGLE] = shape, angles
    p[:, REYNOLDS] = 1e6 / np.sqrt(lifts)
    p[:, REYNOLDS + 1 :] = 9, 1, 1  # Ncrit of a smooth stream, transition is free
    return p


def angle_for(aero, shape, lift):
    """In degrees, by bisection."""
    return brentq(lambda angle: aero(flights(shape, [angle], lift))[0, CL] - lift, -10, 15)


def polar(aero, shape, lifts):
    """Results (n, 4) of a shape at these lifts."""
    return aero(flights(shape, [angle_for(aero, shape, lift) for lift in lifts], lifts))


# ---------------------------------------------------------------- laws: p -> results, their derivatives by VARIED


def exact(aero):
    def law(p):
        results, J = aero.value_and_jacobian(p)
        return results, J[..., VARIED]

    return law


def differences(aero):
    """Forward differences, all points in one call."""
    return others.finite_differences(aero, VARIED).value_and_jacobian


# ------------------------------------------------------------------------------------------------ the optimisation


class Design:
    """Drag and constraints as functions of u (23,): 17 weights of the shape, and six angles in units of 10 degrees."""

    def __init__(self, law):
        self.law, self.u, self.n_calls = law, None, 0
        self.start = np.concatenate([START[:17], np.interp(LIFTS, [0.3, 1.3], [-0.15, 0.8])])

    def parameters(self, u):
        return flights(np.append(u[:17], START[17]), 10 * u[17:])

    def results(self, u):
        return self._evaluate(u)[0]

    def jacobian(self, u):
        return self._evaluate(u)[1]

    def _evaluate(self, u):
        """Results (6, 4) and their derivatives by u (6, 4, 23); those of the last u are kept."""
        if not np.array_equal(u, self.u):
            self.u, self.n_calls = u.copy(), self.n_calls + 1
            results, J = self.law(self.parameters(u))
            by_angle = 10 * J[:, :, 17:] * np.eye(len(LIFTS))[:, None, :]  # each flight has its own
            self.evaluated = results, np.concatenate([J[:, :, :17], by_angle], axis=-1)
        return self.evaluated

    def optimise(self, with_jacobian=True):
        """The result of SLSQP; without the Jacobian by differences of its own."""
        upper, lower = surface(PLACES)
        thickness = np.hstack([(upper - lower)[:, :17], np.zeros((len(PLACES), len(LIFTS)))])
        missing = LEAST_THICKNESS - (upper - lower)[:, 17] * START[17]

        def constraint(kind, column, bound):
            jac = {"jac": lambda u: self.jacobian(u)[:, column]} if with_jacobian else {}
            return {"type": kind, "fun": lambda u: self.results(u)[:, column] - bound, **jac}

        return minimize(
            lambda u: 100 * self.results(u)[:, CD].mean(),
            self.start,
            jac=(lambda u: 100 * self.jacobian(u)[:, CD].mean(axis=0)) if with_jacobian else None,
            method="SLSQP",
            constraints=[
                constraint("eq", CL, LIFTS),
                constraint("ineq", CM, LEAST_MOMENT),
                constraint("ineq", CONFIDENCE, LEAST_CONFIDENCE),
                {"type": "ineq", "fun": lambda u: thickness @ u - missing, "jac": lambda u: thickness},
            ],
            options={"maxiter": 300, "ftol": 1e-9},
        )


def compare(aero, values=(), laws=(), seconds=2.0, fewest=3):
    """{name: (result, calls, time in s)} of the optimisation in several ways, more of them by `values` and `laws`."""
    ways = {"exact": (exact(aero), True), **{name: (law, True) for name, law in dict(laws).items()}}
    for name, value in {"": aero, **dict(values)}.items():
        ways[f"{name} differences, one call".strip()] = differences(value), True
        ways[f"{name} differences of SciPy".strip()] = (lambda p, v=value: (v(p), np.zeros((len(p), 4, 18)))), False
    found = {}

    def run(name):
        law, with_jacobian = ways[name]
        design = Design(law)
        found[name] = design.optimise(with_jacobian), design.n_calls

    time = medians({name: partial(run, name) for name in ways}, seconds, fewest)
    return {name: (*found[name], time[name]) for name in ways}


# ------------------------------------------------------------------------------------------------------ the report


def cases(n, seed=0):
    """Parameters (n, 23) of airfoils about the first one, in all kinds of flight."""
    rng = np.random.default_rng(seed)
    p = flights(START, rng.uniform(-4, 12, n), rng.uniform(0.1, 5, n))
    p[:, :17] *= 1 + 0.1 * rng.normal(size=(n, 17))
    return p


def report(net, with_others):
    aero = Aerodynamics(net, weights_folder())
    angle = angle_for(aero, START, 0.7)
    results, J = aero.value_and_jacobian(flights(START, [angle], 0.7)[0])
    print(f"NACA 4412 at CL {results[CL]:.2f}: angle {angle:.2f} degrees, CD {results[CD]:.5f}, CM {results[CM]:.4f}")
    print(f"{'derivative, for':28}{'CL':>10}{'10^4 CD':>10}{'CM':>10}")
    steps = [(ANGLE, 1), (REYNOLDS, 1e5), (REYNOLDS + 1, 1), *((k, 0.01) for k in range(17))]
    for k, step in steps:
        lift, drag, moment = step * J[[CL, CD, CM], k]
        print(f"{f'{step:g} of {NAMES[k]}':28}{lift:10.4f}{1e4 * drag:10.3f}{moment:10.4f}")

    values, laws = {}, {}
    if with_others:
        parts = others.available(net, leave_out=("CasADi",))
        laws = {name: exact(Aerodynamics(part.of_any_shape(), weights_folder())) for name, part in parts.items()}
        if importlib.util.find_spec("aerosandbox"):
            values = {"NeuralFoil,": Authors(SIZE)}
            laws["NeuralFoil, by CasADi"] = exact(AuthorsDerived(SIZE))
    print(f"\n{'SLSQP':38}{'iterations':>11}{'calls':>7}{'mean CD':>11}{'ms':>9}")
    ways = compare(aero, values, laws)
    print(f"{'NACA 4412':56}{polar(aero, START, LIFTS)[:, CD].mean():11.6f}")
    for name, (result, n_calls, time) in ways.items():
        print(f"{name:38}{result.nit:11}{n_calls:7}{result.fun / 100:11.6f}{time * 1e3:9.1f}")

    p = cases(2000)
    calls = {"exact": exact(aero), "differences, one call": differences(aero), **laws}
    calls |= {f"{name} differences, one call": differences(value) for name, value in values.items()}
    print(f"\n{'derivatives by 18 at 2,000 cases':38}{'ms':>9}")
    for name, time in medians({name: partial(law, p) for name, law in calls.items()}, 4, 3).items():
        print(f"{name:38}{time * 1e3:9.1f}")


def draw(net, path):
    """The picture of this example."""
    import pictures

    aero = Aerodynamics(net, weights_folder())
    design = Design(exact(aero))
    u = design.optimise().x
    best = design.parameters(u)[0, :ANGLE]
    picture, ((form, drag), (sensitive, moment)) = pictures.figure(9.5, 5.6, 2, 2, width_ratios=[1.25, 1])
    x = (1 - np.cos(np.linspace(0, np.pi, 300))) / 2
    lifts = np.linspace(0.15, 1.45, 70)
    for shape, colour, name in ((START, pictures.GREY, "NACA 4412"), (best, pictures.BLUE, "least drag")):
        upper, lower = surface(x) @ shape
        form.plot(np.r_[x[::-1], x], np.r_[upper[::-1], lower], color=colour, label=name)
        results = polar(aero, shape, lifts)
        drag.plot(lifts, 1e4 * results[:, CD], color=colour)
        moment.plot(lifts, results[:, CM], color=colour)
    results = design.results(u)
    drag.plot(LIFTS, 1e4 * results[:, CD], "o", color=pictures.BLUE)
    moment.plot(LIFTS, results[:, CM], "o", color=pictures.BLUE)
    form.set(title="Shapes, heights doubled", aspect=2, ylim=(-0.07, 0.13), yticks=[-0.05, 0, 0.05, 0.1])
    form.legend(loc="lower right", ncols=2)
    drag.set(title="Drag; dots: the lifts of the task", ylabel="10⁴ CD", ylim=(30, 100))
    moment.axhline(LEAST_MOMENT, color=pictures.RED, linewidth=1, linestyle="--")
    moment.annotate("bound", (0.15, LEAST_MOMENT), (0, -11), textcoords="offset points", color=pictures.RED, fontsize=9)
    moment.set(title="Moment", xlabel="CL", ylabel="CM", ylim=(-0.115, -0.06))

    J = aero.value_and_jacobian(flights(START, [angle_for(aero, START, 0.7)], 0.7)[0])[1]
    k = np.arange(8)
    for row, side, colour in ((k, "upper", pictures.ORANGE), (8 + k, "lower", pictures.GREEN)):
        place = (k + 0.5) / 8.5 + (-0.02 if side == "upper" else 0.02)
        sensitive.bar(place, 100 * J[CD, row], 0.04, color=colour, label=side)
    sensitive.axhline(0, color=pictures.GREY, linewidth=0.8)
    sensitive.set_title("10⁴ CD per 0.01 of a weight, NACA 4412, CL 0.7")
    sensitive.set_xlabel("where the weight moves the surface most, x")
    sensitive.legend()
    pictures.save(picture, path)


if __name__ == "__main__":
    main(__doc__, read(weights_folder(), SIZE), draw, report)

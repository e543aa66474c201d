"""Stiff chemistry with a learned right-hand side: solve_ivp with the exact Jacobian and with finite differences.

    python examples/kinetics/simulate.py                            # steps, evaluations, times
    python examples/kinetics/simulate.py --others                   # and PyTorch, JAX, CasADi, CVODE, NumPy by hand
    python examples/kinetics/simulate.py --picture kinetics.svg     # the picture

First one parcel of air over three days of the polar summer, five unknowns. Then a ring of parcels around the pole,
each with the sun of its longitude, which mix with their neighbours: the Jacobian is sparse, its blocks come from
one call for all parcels.
"""

import importlib.util
import sys
from functools import partial
from pathlib import Path

import numpy as np
from photochemistry import DAY, SPECIES, START, slope, slope_jacobian, sun
from scipy.integrate import solve_ivp
from scipy.sparse import bsr_matrix, csr_matrix, identity, kron

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
from command_line import main
from measuring import medians

TOLERANCES = {"rtol": 1e-9, "atol": 1e-6}  # absolute errors of logarithms are relative errors of densities
MIXING = 1 / (6 * 3600)  # exchange with each neighbour of the ring, 1/s
WAYS = ("exact", "differences, sparse", "finite differences")  # to the Jacobian of a ring
PER_M3 = np.log(1e6)  # ln(y m³) - ln(y cm³)


class Parcel:
    """du/dt of one parcel by the network (ln y, sun) -> dy/dt, and its derivative by u = ln y + offset."""

    def __init__(self, net, offset=PER_M3):
        self.net, self.offset = net, offset
        self.part = net.select(wrt=slice(0, 5))  # the light is held
        self.start = np.log(START) + offset
        self.n_calls = 0

    def slope(self, t, u):
        self.n_calls += 1
        v = u - self.offset
        return self.net(np.append(v, sun(t))) * np.exp(-v)

    def jacobian(self, t, u):
        self.n_calls += 1
        v = u - self.offset
        change, J = self.part.value_and_jacobian(np.append(v, sun(t)))
        J[np.diag_indices(5)] -= change
        return J * np.exp(-v)[:, None]


class Ring:
    """The same for n parcels on a circle; u is (5 n,), parcel after parcel."""

    def __init__(self, net, n, offset=PER_M3):
        self.net, self.n, self.offset = net, n, offset
        self.part = net.select(wrt=slice(0, 5))
        self.start = np.tile(np.log(START), n) + offset
        self.n_calls = 0
        # What flows in from the neighbours, (5 n, 5 n); each species from its own kind.
        around = np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)
        self.inflow = csr_matrix(MIXING * kron(around, identity(5)))
        self.pattern = (kron(identity(n), np.ones((5, 5))) + self.inflow).tocsc()

    def points(self, t, v):
        """(ln y, sun) of each parcel, (n, 6); each has the time of its longitude."""
        light = sun(t - np.arange(self.n) / self.n * DAY)
        return np.concatenate([v.reshape(self.n, 5), light[:, None]], axis=1)

    def slope(self, t, u):
        self.n_calls += 1
        v = u - self.offset
        y = np.exp(v)
        return (self.net(self.points(t, v)).ravel() + self.inflow @ y) / y - 2 * MIXING

    def jacobian(self, t, u):
        self.n_calls += 1
        v = u - self.offset
        y = np.exp(v)
        change, J = self.part.value_and_jacobian(self.points(t, v))
        J[:, np.arange(5), np.arange(5)] -= change + (self.inflow @ y).reshape(self.n, 5)
        J /= y.reshape(self.n, 5, 1)
        mixing = self.inflow.copy()
        mixing.data *= y[mixing.indices] / np.repeat(y, np.diff(mixing.indptr))
        return (bsr_matrix((J, np.arange(self.n), np.arange(self.n + 1))) + mixing).tocsc()


def solve(model, method, days, **jacobian):
    """Solution of solve_ivp over that many days, with the number of calls of the network as `n_calls`."""
    model.n_calls = 0
    solution = solve_ivp(
        model.slope, (0, days * DAY), model.start, method=method, dense_output=True, **TOLERANCES, **jacobian
    )
    assert solution.success, solution.message
    solution.n_calls = model.n_calls
    return solution


def true_solution(days):
    """The densities by the mechanism itself, as a function of time, far below the tolerances."""
    solution = solve_ivp(
        slope, (0, days * DAY), np.log(START), "Radau", jac=slope_jacobian, rtol=1e-10, atol=1e-10, dense_output=True
    )
    return lambda t: np.exp(solution.sol(t))


def errors(solution, truth, days):
    """Largest relative error of each density after the first minute."""
    t = np.geomspace(60, days * DAY, 2000)
    return abs(np.exp(solution.sol(t) - PER_M3) / truth(t) - 1).max(axis=1)


def compare(model, days, ways, methods=("Radau", "BDF"), seconds=2.0, fewest=3):
    """{(method, name): (solution, time in s)} of all methods and ways, {name: arguments}, to give the Jacobian."""
    solutions = {}

    def run(method, name):
        solutions[method, name] = solve(model, method, days, **ways[name])

    keys = [(method, name) for method in methods for name in ways]
    time = medians({key: lambda key=key: run(*key) for key in keys}, seconds, fewest)
    return {key: (solutions[key], time[key]) for key in keys}


def compare_parcel(net, days=3, **options):
    """One parcel, with the exact Jacobian and with the solver's own finite differences."""
    model = Parcel(net)
    return compare(model, days, {"exact": {"jac": model.jacobian}, "finite differences": {}}, **options)


def compare_per_cm3(net, days=3, **options):
    """The same, but for unknowns ln(y cm³): that of O1D is zero at midnight, where relative steps vanish."""
    model = Parcel(net, offset=0.0)
    return compare(model, days, {"exact": {"jac": model.jacobian}, "finite differences": {}}, **options)


def compare_ring(net, n=36, days=1, **options):
    """A ring of n parcels: the same, and finite differences that are told where J is zero."""
    model = Ring(net, n)
    ways = dict(zip(WAYS, ({"jac": model.jacobian}, {"jac_sparsity": model.pattern}, {})))
    return compare(model, days, ways, methods=("BDF",), **options)


def compare_others(net, days=3, seconds=3.0):
    """{name: median time in s} of one parcel by Radau, the network and its Jacobian by other means."""
    models = {name: Parcel(other) for name, other in {"fastjac": net, **others.available(net)}.items()}
    return medians({name: lambda m=m: solve(m, "Radau", days, jac=m.jacobian) for name, m in models.items()}, seconds)


def cvode(model, days, exact=True):
    """Last state, by CVODE of SUNDIALS through scikit-sundae."""
    from sksundae.cvode import CVODE

    def rhs(t, u, slope):
        slope[:] = model.slope(t, u)

    def jac(t, u, slope, J):
        J[:] = model.jacobian(t, u) if model.start.size == 5 else model.jacobian(t, u).toarray()

    model.n_calls = 0
    solver = CVODE(rhs, jacfn=jac if exact else None, max_num_steps=100_000, **TOLERANCES)
    return solver.solve([0, days * DAY], model.start).y[-1]


def casadi_cvodes(net, days):
    """A function that gives the same for one parcel, all of it by CasADi: the network in SX, CVODES beneath."""
    import casadi

    t, u = casadi.SX.sym("t"), casadi.SX.sym("u", 5)
    v = u - PER_M3
    x = casadi.vertcat(v, 0.5 + 0.4 * casadi.cos(2 * np.pi / DAY * t))
    ode = others.casadi_value(net, x) * casadi.exp(-v)
    options = {"reltol": TOLERANCES["rtol"], "abstol": TOLERANCES["atol"], "max_num_steps": 100_000}
    solver = casadi.integrator("parcel", "cvodes", {"t": t, "x": u, "ode": ode}, 0, days * DAY, options)
    return lambda: solver(x0=np.log(START) + PER_M3)["xf"].full()[:, 0]


def compare_cvode(net, seconds=2.0):
    """{name: (time in s, calls of the network)} by CVODE, as far as scikit-sundae and CasADi are installed."""
    calls, n_calls = {}, {}

    def run(name, model, days, exact):
        cvode(model, days, exact)
        n_calls[name] = model.n_calls

    if importlib.util.find_spec("sksundae"):
        for title, model, days in (("parcel", Parcel(net), 3), ("ring of 36", Ring(net, 36), 1)):
            for way, exact in (("exact", True), ("finite differences", False)):
                name = f"{title}, {way}"
                calls[name] = partial(run, name, model, days, exact)
    if importlib.util.find_spec("casadi"):
        calls["parcel, all by CasADi"] = casadi_cvodes(net, 3)
    return {name: (time, n_calls.get(name)) for name, time in medians(calls, seconds, 3).items()} if calls else {}


def print_comparison(title, results):
    print(f"\n{title}\n{'':34}{'steps':>7}{'nfev':>7}{'njev':>7}{'nlu':>7}{'calls':>9}{'ms':>9}{'':>7}")
    for (method, name), (solution, time) in results.items():
        exact = results[method, "exact"][1]
        print(
            f"{method + ', ' + name:34}{len(solution.t) - 1:7}{solution.nfev:7}{solution.njev:7}{solution.nlu:7}"
            f"{solution.n_calls:9}{time * 1e3:9.1f}{time / exact:6.1f}x"
        )


def draw(net, path, days=3):
    """The picture of this example."""
    import pictures

    truth = true_solution(days)
    model = Parcel(net)
    solution = solve(model, "Radau", days, jac=model.jacobian)
    picture, (densities, work) = pictures.figure(9.5, 3.9, 1, 2, width_ratios=[1.35, 1])

    t = np.linspace(60, days * DAY, 400)
    learned = np.exp(solution.sol(t) - PER_M3)
    colours = (pictures.GREY, pictures.ORANGE, pictures.BLUE, pictures.GREEN, pictures.RED)
    for k, (name, colour) in enumerate(zip(SPECIES, colours)):
        densities.semilogy(t / DAY, learned[k], color=colour)
        some = t[5::20]
        densities.semilogy(some / DAY, truth(some)[k], "o", color=colour, markersize=3.5, markerfacecolor="white")
        below = {"NO": 2, "O": 10, "NO2": 10}.get(name, 4)  # apart from each other
        densities.annotate(name, (days, learned[k, -1]), (6, -below), textcoords="offset points", color=colour)
    densities.set(
        title="One parcel: network (lines) and mechanism (dots)",
        xlabel="time after noon / days",
        ylabel="density / (molecules/cm³)",
        xlim=(0, days),
        xticks=range(days + 1),
        ylim=(0.3, 3e12),
    )

    sizes = [4, 12, 24, 36]
    rings = {n: compare_ring(net, n, seconds=0, fewest=1) for n in sizes}
    for way, colour in zip(WAYS, (pictures.BLUE, pictures.ORANGE, pictures.RED)):
        calls = [rings[n]["BDF", way][0].n_calls for n in sizes]
        work.plot(sizes, calls, "o-", color=colour, markersize=4)
        beside = {"exact": (0, -14), "differences, sparse": (0, 8)}.get(way, (-12, 0))
        work.annotate(way, (sizes[-1], calls[-1]), beside, textcoords="offset points", color=colour, ha="right")
    work.set(
        title="Ring, one day by BDF: calls of the network",
        xlabel="parcels (5 unknowns each)",
        xlim=(0, 38),
        xticks=sizes,
        ylim=(0, None),
    )
    pictures.save(picture, path)


def report(net, with_others):
    results = compare_parcel(net)
    print_comparison("One parcel, three days, 5 unknowns", results)
    truth = true_solution(3)
    worst = errors(results["Radau", "exact"][0], truth, 3)
    print("largest relative error of the densities: " + ", ".join(f"{n} {e:.1e}" for n, e in zip(SPECIES, worst)))
    print_comparison("The same for logarithms of densities per cm³", compare_per_cm3(net, fewest=1, seconds=0))
    print_comparison("Ring of 36 parcels, one day, 180 unknowns", compare_ring(net))
    if with_others:
        print("\nOne parcel by Radau, value and Jacobian of the network by")
        times = compare_others(net)
        for name, time in times.items():
            print(f"{name:14}{time * 1e3:8.1f} ms{time / times['fastjac']:6.1f}x")
        print("\nBy CVODE; calls of the network, ms")
        for name, (time, n_calls) in compare_cvode(net).items():
            print(f"{name:32}{n_calls or '':>7}{time * 1e3:9.1f}")


if __name__ == "__main__":
    main(__doc__, fj.from_npz(HERE / "kinetics.npz"), draw, report)

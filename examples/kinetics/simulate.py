"""Stiff chemistry with a learned right-hand side: solve_ivp with the exact Jacobian and with finite differences.

    python examples/kinetics/simulate.py                            # steps, evaluations, times
    python examples/kinetics/simulate.py --others                   # and PyTorch, JAX, CasADi, NumPy by hand
    python examples/kinetics/simulate.py --picture kinetics.svg     # the picture

First one parcel of air over three days of the polar summer, five unknowns. Then a ring of parcels around the pole,
each with the sun of its longitude, which mix with their neighbours: the Jacobian is sparse, its blocks come from
one call for all parcels.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from photochemistry import DAY, SPECIES, START, slope, slope_jacobian, sun
from scipy.integrate import solve_ivp
from scipy.sparse import bsr_matrix, csr_matrix, identity, kron

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
from measuring import medians

TOLERANCES = {"rtol": 1e-6, "atol": 1e-8}  # the unknowns are logarithms: relative errors of densities
MIXING = 1 / (6 * 3600)  # exchange with each neighbour of the ring, 1/s


class Parcel:
    """du/dt of one parcel by the network (ln y, sun) -> dy/dt, and its derivative by u = ln y."""

    start = np.log(START)

    def __init__(self, net):
        self.net = net
        self.part = net.select(wrt=slice(0, 5))  # the light is held
        self.n_evaluations = 0

    def slope(self, t, u):
        self.n_evaluations += 1
        return self.net(np.append(u, sun(t))) * np.exp(-u)

    def jacobian(self, t, u):
        change, J = self.part.value_and_jacobian(np.append(u, sun(t)))
        J[np.diag_indices(5)] -= change
        return J * np.exp(-u)[:, None]


class Ring:
    """The same for n parcels on a circle; u is (5 n,), parcel after parcel."""

    def __init__(self, net, n):
        self.net, self.n = net, n
        self.part = net.select(wrt=slice(0, 5))
        self.longitude = np.arange(n) / n
        self.start = np.tile(np.log(START), n)
        self.n_evaluations = 0
        # What flows in from the neighbours, (5 n, 5 n); each species from its own kind.
        around = np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)
        self.inflow = csr_matrix(MIXING * kron(around, identity(5)))
        self.pattern = (kron(identity(n), np.ones((5, 5))) + self.inflow).tocsc()

    def points(self, t, u):
        light = sun(t - self.longitude * DAY)
        return np.concatenate([u.reshape(self.n, 5), light[:, None]], axis=1)

    def slope(self, t, u):
        self.n_evaluations += 1
        y = np.exp(u)
        return (self.net(self.points(t, u)).ravel() + self.inflow @ y) / y - 2 * MIXING

    def jacobian(self, t, u):
        y = np.exp(u)
        change, J = self.part.value_and_jacobian(self.points(t, u))
        J[:, np.arange(5), np.arange(5)] -= change + (self.inflow @ y).reshape(self.n, 5)
        J /= y.reshape(self.n, 5, 1)
        mixing = self.inflow.copy()
        mixing.data *= y[mixing.indices] / np.repeat(y, np.diff(mixing.indptr))
        return (bsr_matrix((J, np.arange(self.n), np.arange(self.n + 1))) + mixing).tocsc()


def solve(model, method, days, **jacobian):
    """Solution of solve_ivp over that many days, with the number of calls of `model.slope` as `n_evaluations`."""
    model.n_evaluations = 0
    solution = solve_ivp(
        model.slope, (0, days * DAY), model.start, method=method, dense_output=True, **TOLERANCES, **jacobian
    )
    assert solution.success, solution.message
    solution.n_evaluations = model.n_evaluations
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
    return abs(np.exp(solution.sol(t)) / truth(t) - 1).max(axis=1)


def compare(model, days, ways, methods=("Radau", "BDF"), seconds=2.0):
    """{(method, name): (solution, time in s)} of all methods and ways, {name: arguments}, to give the Jacobian."""
    calls = {
        (method, name): lambda method=method, way=way: solve(model, method, days, **way)
        for method in methods
        for name, way in ways.items()
    }
    time = medians(calls, seconds, fewest=3) if seconds else dict.fromkeys(calls, np.nan)
    return {key: (call(), time[key]) for key, call in calls.items()}


def compare_parcel(net, days=3, **options):
    """One parcel, with the exact Jacobian and with the solver's own finite differences."""
    model = Parcel(net)
    return compare(model, days, {"exact": {"jac": model.jacobian}, "finite differences": {}}, **options)


def compare_ring(net, n=36, days=1, **options):
    """A ring of n parcels: the same, and finite differences that are told where J is zero."""
    model = Ring(net, n)
    ways = {
        "exact": {"jac": model.jacobian},
        "differences, sparse": {"jac_sparsity": model.pattern},
        "finite differences": {},
    }
    return compare(model, days, ways, methods=("BDF",), **options)


def compare_others(net, days=3, seconds=3.0):
    """{name: median time in s} of one parcel by Radau, the network and its Jacobian by other means."""
    models = {name: Parcel(other) for name, other in {"fastjac": net, **others.available(net)}.items()}
    return medians({name: lambda m=m: solve(m, "Radau", days, jac=m.jacobian) for name, m in models.items()}, seconds)


def print_comparison(title, results):
    print(f"\n{title}\n{'':34}{'steps':>7}{'nfev':>7}{'njev':>7}{'nlu':>7}{'network':>9}{'ms':>9}{'':>7}")
    for (method, name), (solution, time) in results.items():
        exact = results[method, "exact"][1]
        print(
            f"{method + ', ' + name:34}{len(solution.t) - 1:7}{solution.nfev:7}{solution.njev:7}{solution.nlu:7}"
            f"{solution.n_evaluations:9}{time * 1e3:9.1f}{time / exact:6.1f}x"
        )


def draw(net, path, days=3):
    """The picture of this example."""
    import pictures

    truth = true_solution(days)
    solutions = {key: solution for key, (solution, _) in compare_parcel(net, days, seconds=0).items()}
    ring = {name: solution for (_, name), (solution, _) in compare_ring(net, seconds=0).items()}
    picture, (densities, work) = pictures.figure(9.5, 3.9, 1, 2, width_ratios=[1.35, 1])

    t = np.linspace(60, days * DAY, 400)
    learned = np.exp(solutions["Radau", "exact"].sol(t))
    colours = (pictures.GREY, pictures.ORANGE, pictures.BLUE, pictures.GREEN, pictures.RED)
    for k, (name, colour) in enumerate(zip(SPECIES, colours)):
        densities.semilogy(t / DAY, learned[k], color=colour)
        densities.semilogy(t[5::20] / DAY, truth(t[5::20])[k], "o", color=colour, markersize=3.5, markerfacecolor="white")
        densities.annotate(name, (days, learned[k, -1]), (6, -4), textcoords="offset points", color=colour)
    densities.set(
        title="One parcel: network (lines) and mechanism (dots)",
        xlabel="time after noon / days",
        ylabel="density / (molecules/cm³)",
        xlim=(0, days),
        xticks=range(days + 1),
        ylim=(0.3, 3e12),
    )

    bars = {f"parcel, {method}\n{name}": solutions[method, name].n_evaluations for method, name in solutions}
    bars |= {f"ring, BDF\n{name}": solution.n_evaluations for name, solution in ring.items()}
    places = [0, 1, 2.4, 3.4, 4.8, 5.8, 6.8]
    exact = [pictures.BLUE if "exact" in name else pictures.RED for name in bars]
    drawn = work.barh(places, list(bars.values()), color=exact)
    work.bar_label(drawn, [f"{n:,}" for n in bars.values()], padding=3)
    work.set(title="Calls of the network", xscale="log", xlim=(300, 3e5), yticks=places, yticklabels=bars)
    work.tick_params(axis="y", length=0, labelsize=8.5)
    work.invert_yaxis()
    pictures.save(picture, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw it")
    parser.add_argument("--others", action="store_true", help="time other programs as well")
    arguments = parser.parse_args()
    net = fj.from_npz(HERE / "kinetics.npz")
    if arguments.picture:
        draw(net, arguments.picture)
        return
    results = compare_parcel(net)
    print_comparison("One parcel, three days, 5 unknowns", results)
    truth = true_solution(3)
    worst = errors(results["Radau", "exact"][0], truth, 3)
    print("largest relative error of the densities: " + ", ".join(f"{n} {e:.1e}" for n, e in zip(SPECIES, worst)))
    print_comparison("Ring of 36 parcels, one day, 180 unknowns", compare_ring(net))
    if arguments.others:
        print("\nOne parcel by Radau, value and Jacobian of the network by")
        times = compare_others(net)
        for name, time in times.items():
            print(f"{name:14}{time * 1e3:8.1f} ms{time / times['fastjac']:6.1f}x")


if __name__ == "__main__":
    main()

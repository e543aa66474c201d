"""How well a galaxy survey will measure a universe: Fisher forecasts with an emulator of the power spectrum.

    python examples/fisher/simulate.py                            # the forecast, and times of 4,096 of them
    python examples/fisher/simulate.py --others                   # and PyTorch, JAX, NumPy by hand
    python examples/fisher/simulate.py --picture fisher.svg       # the picture

The Fisher matrix JᵀC⁻¹J, J the derivative of the observables by the parameters and C their covariance, is the inverse
covariance of the parameters that the survey will find. A forecast for one universe needs one J; how it changes with
the universe that turns out to be true needs thousands.
"""

import sys
from pathlib import Path

import numpy as np
from spectrum import (
    FIDUCIAL,
    HIGHEST,
    LOWEST,
    PARAMETERS,
    REDSHIFTS,
    WAVENUMBERS,
    log_power,
    log_power_jacobian,
    precision,
)

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
from command_line import main
from measuring import medians
from training import Box


def fisher_of(J, weights):
    """JᵀC⁻¹J (..., n, n) for J (..., m, n) and the diagonal (m,) of C⁻¹."""
    return np.swapaxes(J, -1, -2) @ (weights[:, None] * J)


def marginal_errors(F):
    """Standard deviation of each parameter when all are unknown, (..., n)."""
    return np.sqrt(np.diagonal(np.linalg.inv(F), axis1=-2, axis2=-1))


def universes(n):
    """Parameters (n, 6) of universes around the fiducial one, in the inner 60 % of what the emulator knows."""
    width = 0.6 * (HIGHEST - LOWEST) / 2
    return Box(FIDUCIAL - width, FIDUCIAL + width).sample(n, seed=5)


def forecasts(model, theta, weights):
    """Fisher matrices (n, 6, 6) of n universes, by a model that has no such method itself."""
    return fisher_of(model.value_and_jacobian(theta)[1], weights)


def times(net, n=4096, with_others=False, seconds=4.0):
    """{name: (time of all J, time of all Fisher matrices) in s} for n universes."""
    models = {"fastjac": net, "finite differences": others.finite_differences(net)}
    models["NumPy by hand"] = others.by_hand(net)
    if with_others:
        models |= {name: model for name, model in others.available(net).items() if name != "CasADi"}  # takes points
    theta, weights = universes(n), precision()
    calls = {(name, "J"): lambda m=m: m.value_and_jacobian(theta) for name, m in models.items()}
    calls |= {(name, "F"): lambda m=m: forecasts(m, theta, weights) for name, m in models.items()}
    calls["fastjac", "F"] = lambda: net.fisher(theta, weights)
    found = medians(calls, seconds, fewest=3)
    return {name: (found[name, "J"], found[name, "F"]) for name in models}


def time_of_model(n):
    """Time in s of n derivatives of the model itself, from 16."""
    theta = universes(16)
    calls = {"model": lambda: [log_power_jacobian(each) for each in theta]}
    return medians(calls, seconds=0.3)["model"] * n / 16


def ellipse(covariance, i, j, level=2.2977):
    """Points (2, 200) of the ellipse with 68 % of the probability, of parameters i and j."""
    angle = np.linspace(0, 2 * np.pi, 200)
    part = covariance[np.ix_([i, j], [i, j])]
    return np.sqrt(level) * np.linalg.cholesky(part) @ [np.cos(angle), np.sin(angle)]


def draw(net, path):
    """The picture of this example."""
    import pictures

    weights = precision()
    true = np.linalg.inv(fisher_of(log_power_jacobian(FIDUCIAL), weights))
    learned = np.linalg.inv(net.fisher(FIDUCIAL, weights))
    n = len(PARAMETERS)
    picture, grid = pictures.figure(9.5, 8.5, n, n)
    for i in range(n):
        for j in range(n):
            axes = grid[i, j]
            if j > i:
                axes.set_axis_off()
                continue
            reach = 3 * np.sqrt(np.diag(true))
            axes.set_xlim(FIDUCIAL[j] - reach[j], FIDUCIAL[j] + reach[j])
            axes.locator_params(nbins=3)
            if i == j:
                x = np.linspace(-reach[i], reach[i], 100)
                for covariance, style in ((true, TRUE), (learned, LEARNED)):
                    axes.plot(FIDUCIAL[i] + x, np.exp(-(x**2) / 2 / covariance[i, i]), **style)
                axes.set(yticks=[], ylim=(0, 1.15))
            else:
                axes.set_ylim(FIDUCIAL[i] - reach[i], FIDUCIAL[i] + reach[i])
                for covariance, style in ((true, TRUE), (learned, LEARNED)):
                    x, y = ellipse(covariance, j, i)
                    axes.plot(FIDUCIAL[j] + x, FIDUCIAL[i] + y, **style)
            axes.tick_params(labelsize=8, labelbottom=i == n - 1, labelleft=0 == j < i)
            axes.tick_params(axis="x", rotation=45)
            if i == n - 1:
                axes.set_xlabel(PARAMETERS[j])
            if j == 0 < i:
                axes.set_ylabel(PARAMETERS[i])
    picture.align_labels()
    title = "Fiducial universe: 68 % regions"
    legend = grid[0, 0].legend(["true model", "emulator"], title=title, loc="upper left", bbox_to_anchor=(1.05, 1.0))
    legend.set_in_layout(False)

    theta = universes(512)
    errors = marginal_errors(net.fisher(theta, weights))[:, 5]
    survey = picture.add_axes((0.62, 0.66, 0.27, 0.25))
    dots = survey.scatter(theta[:, 0], theta[:, 5], c=errors, s=14, cmap="viridis", linewidth=0)
    survey.set(title="Error of w, by the true universe", xlabel="Ωm", ylabel="w")
    picture.colorbar(dots, cax=picture.add_axes((0.905, 0.66, 0.015, 0.25)))
    pictures.save(picture, path)


TRUE = {"color": "#bbbbbb", "linewidth": 4}
LEARNED = {"color": "#0072b2", "linewidth": 1.4}


def report(net, with_others):
    weights = precision()
    J = log_power_jacobian(FIDUCIAL)
    true, learned = fisher_of(J, weights), net.fisher(FIDUCIAL, weights)
    expected, found = marginal_errors(true), marginal_errors(learned)
    print(f"{net.n_out} observables: {len(REDSHIFTS)} redshifts, {len(WAVENUMBERS)} wavenumbers each")
    worst = abs(np.expm1(net(FIDUCIAL) - log_power(FIDUCIAL))).max()
    print(f"largest relative error of P in the fiducial universe: {worst:.1e}")
    print(f"{'':26}" + "".join(f"{name:>9}" for name in PARAMETERS))
    print(f"{'error, true model':26}" + "".join(f"{e:9.4f}" for e in expected))
    print(f"{'error, emulator':26}" + "".join(f"{e:9.4f}" for e in found))
    print(f"{'difference in %':26}" + "".join(f"{100 * e:9.2f}" for e in found / expected - 1))
    scale = np.sqrt(np.diag(true))
    worst = abs((learned - true) / np.outer(scale, scale)).max()
    print(f"largest error of an entry i, j of the Fisher matrix by the root of i, i times j, j: {worst:.1e}")

    print(f"\n{'4,096 universes, milliseconds':32}{'J':>9}{'F':>9}")
    results = times(net, with_others=with_others)
    for name, (jacobians, matrices) in results.items():
        ratio = jacobians / results["fastjac"][0]
        print(f"{name:32}{jacobians * 1e3:9.1f}{matrices * 1e3:9.1f}{ratio:7.1f}x")
    print(f"{'the model, complex step':32}{1e3 * time_of_model(4096):9.1f}")


if __name__ == "__main__":
    main(__doc__, fj.from_npz(HERE / "fisher.npz"), draw, report)

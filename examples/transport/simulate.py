"""An implicit time step of a tokamak's temperatures, transport by QLKNN: Newton with the exact Jacobian, and others.

    python examples/transport/simulate.py                               # convergence, a rise of the heating, times
    python examples/transport/simulate.py --others                      # and PyTorch, JAX, NumPy by hand
    python examples/transport/simulate.py --picture transport.svg       # the picture

A plasma in balance with half of its heating gets all of it. Turbulence sets in beyond a critical gradient and carries
off the rest: the flux at every radius is a network of the gradients and temperatures there, and the equations are
stiff.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from plasma import BOUNDARY, EDGE, KEV, TARGETS, VARIED, Core, read
from scipy.linalg import solve_banded

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
import packages
from command_line import main
from measuring import medians

STEP = 0.1  # s
TOLERANCE = 1e-8  # keV, root mean square of the residual
MOST_CHANGE = 0.1  # of a temperature, in one iteration; where the guess is far off, more would overshoot


def frozen(net, n, extra=0.0):
    """The flux with diffusivities as they are, as if they stayed so, and `extra` m²/s more in the matrix."""
    part = net.select(outputs=TARGETS)
    core = Core(others.Other(part, lambda x: (part(x), np.zeros((len(x), len(TARGETS), len(VARIED))))), n)

    def flux(T, slope):
        q, by = core.flux(T, slope)
        by = np.zeros_like(by)
        for k in (0, 1):
            by[:, k, 2 + k] = q[:, k] / slope[:, k] - extra * KEV * core.n_face[:, k]
        return q, by

    return flux


def differences(net, n, step=1e-6):
    """The flux with derivatives of the network by forward differences, all in one call."""
    return Core(others.finite_differences(net.select(outputs=TARGETS), VARIED, step), n).flux


def tangents(net, core):
    """{name: (flux with a tangent, part of the step that is taken)}."""
    return {
        "exact": (core.flux, 1),
        "differences, step 1e-6": (differences(net, core.n), 1),
        "differences, step 1e-3": (differences(net, core.n, 1e-3), 1),
        "frozen": (frozen(net, core.n), 1),
        "frozen, 3 % of the step": (frozen(net, core.n), 0.03),
        "frozen, 30 m²/s added": (frozen(net, core.n, 30), 1),
    }


def advance(core, before, step, flux, part=1.0, share=1.0, most=MOST_CHANGE, n_iterations=200):
    """The temperatures after a step in s, and the residuals before each iteration, root mean squares in keV.

    The last one is below the tolerance, or there are as many as iterations.
    """
    T, residuals = before, []
    for _ in range(n_iterations):
        r, band = core.residual(T, before, step, flux, share)
        residuals.append(np.sqrt(np.mean(r**2)))
        if residuals[-1] < TOLERANCE:
            break
        change = solve_banded((3, 3), band, r.ravel()).reshape(-1, 2)
        T = T - min(part, most / abs(change / T).max()) * change
    return T, np.array(residuals)


def balanced(core, share=0.5):
    """The temperatures with that share of the heating, by one long step from a guess with R/L = 5."""
    guess = EDGE * np.exp(5 / 3 * (BOUNDARY - core.r[:, None]))
    T, residuals = advance(core, guess, 10.0, core.flux, share=share, most=0.02)
    assert residuals[-1] < TOLERANCE, f"expected a residual below {TOLERANCE:.0e} keV, got {residuals[-1]:.1e}"
    return T


def follow(core, before, n_steps, step, flux, **options):
    """The temperatures (n_steps + 1, n, 2) after each step, and the number of all iterations."""
    history, n_iterations = [before], 0
    for _ in range(n_steps):
        T, residuals = advance(core, history[-1], step, flux, **options)
        history.append(T)
        n_iterations += np.sum(residuals >= TOLERANCE)
    return np.array(history), n_iterations


# ------------------------------------------------------------------------------------------------------ the report


def part_of(net):
    """What the fluxes need: 4 of 10 columns and 5 of 8 rows of J."""
    return net.select(wrt=VARIED, outputs=TARGETS)


def report(net, with_others):
    core = Core(part_of(net))
    start = balanced(core)
    print(f"{core.n} cells, {2 * core.n} unknowns; on the axis {start[0, 0]:.2f} keV ions, {start[0, 1]:.2f} electrons")
    print(f"A step of {STEP} s; iterations; residuals in keV before each and after the last")
    for name, (flux, part) in tangents(net, core).items():
        _, residuals = advance(core, start, STEP, flux, part)
        found = f"{len(residuals) - 1:4}" if residuals[-1] < TOLERANCE else "never"
        print(f"{name:26}{found:>6}: " + " ".join(f"{r:.0e}" for r in residuals[:9]), "..." * (len(residuals) > 9))

    print(f"\n{'0.1 s of full heating':46}{'iterations':>11}{'ms':>9}{'largest error / keV':>21}")
    exact, by_differences, added = core.flux, differences(net, core.n), frozen(net, core.n, 30)
    once = {"n_iterations": 1}
    ways = ("exact", exact), ("differences", by_differences)
    cases = [(way, n, flux, {}) for n in (1, 4, 20) for way, flux in ways]
    cases += [("exact, one iteration each", 20, exact, once)]
    cases += [("frozen, 30 m²/s added, one each", n, added, once) for n in (20, 100, 500)]
    runs = {
        f"{n} x {1000 * STEP / n:g} ms, {way}": partial(follow, core, start, n, STEP / n, flux, **how)
        for way, n, flux, how in cases
    }
    fine = follow(core, start, 2000, STEP / 2000, exact)[0][-1]
    for name, time in medians(runs, 6, 3).items():
        history, n_iterations = runs[name]()
        print(f"{name:46}{n_iterations:11}{time * 1e3:9.1f}{abs(history[-1] - fine).max():21.4f}")

    x, _ = core.inputs(*core.at_faces(start))
    values = {"columns and rows needed": core.part, "the whole of J": net}
    values["differences, columns needed"] = others.finite_differences(net.select(outputs=TARGETS), VARIED)
    if with_others:
        values |= {f"{name}, whole": o for name, o in others.available(net, leave_out=("CasADi",)).items()}
    print(f"\n{'QLKNN and J at ' + str(core.n) + ' radii':30}{'microseconds':>14}")
    for name, time in medians({name: partial(v.value_and_jacobian, x) for name, v in values.items()}).items():
        print(f"{name:30}{time * 1e6:14.0f}")
    whole = medians({"all": lambda: advance(core, start, STEP, core.flux, n_iterations=1)})["all"]
    print(f"{'one iteration, all of it':30}{whole * 1e6:14.0f}")


def draw(net, path):
    """The picture of this example."""
    import pictures

    core = Core(part_of(net))
    start = balanced(core)
    history, _ = follow(core, start, 50, 0.01, core.flux)
    picture, (profile, residual) = pictures.figure(9.5, 4.0, 1, 2)
    radius = np.append(core.r, BOUNDARY)
    for k, colour, name in ((0, pictures.RED, "ions"), (1, pictures.BLUE, "electrons")):
        for i, style in ((0, ":"), (2, "--"), (len(history) - 1, "-")):
            T = np.append(history[i, :, k], EDGE[k])
            profile.plot(radius, T, style, color=colour, label=name if style == "-" else None)
    profile.set(title="Temperatures before, after 20 ms and 0.5 s", xlabel="r/a", ylabel="keV")
    profile.set(xlim=(0, BOUNDARY), ylim=(0, None))
    profile.legend()
    looks = zip(
        (pictures.BLUE, pictures.GREEN, pictures.ORANGE, pictures.GREY, pictures.GREY, pictures.RED),
        ("o-", ".-", ".-", "-", "--", "-"),
        (8, 6, 6, 0, 0, 0),
    )
    for (name, (flux, part)), (colour, style, size) in zip(tangents(net, core).items(), looks):
        _, residuals = advance(core, start, STEP, flux, part, n_iterations=25)
        residual.semilogy(residuals, style, markersize=size, color=colour, label=name)
    residual.set(title=f"A step of {STEP} s, by tangent", xlabel="iteration", ylabel="residual / keV")
    residual.legend(fontsize=8)
    pictures.save(picture, path)


if __name__ == "__main__":
    main(__doc__, read(packages.folder("fusion_surrogates", "fusion_surrogates")), draw, report)

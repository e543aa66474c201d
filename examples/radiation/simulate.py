"""How sure is a map of sunlight? Error bars of every pixel through the network FLiES-ANN, by its Jacobian.

    pip install --no-deps fliesann h5py                              # the network, and what opens its file
    python examples/radiation/simulate.py                            # against Monte Carlo; pixels per second
    python examples/radiation/simulate.py --picture radiation.svg    # the picture

The network stands in for a radiative transfer program: cloud, aerosol, vapour, ozone, albedo, height and the sun ->
what passes the atmosphere. Satellites know these inputs with errors, of covariance P in each pixel; J P Jᵀ is the
covariance of what the network makes of them.
"""

import sys
from pathlib import Path

import numpy as np
from scene import COLUMNS, SUN, UNCERTAIN, covariance, scene

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
import packages
from command_line import main
from measuring import medians

OUTPUTS = [0, 3, 6]  # transmittance of the atmosphere, share of near infrared in that, share of that which is diffuse
SOLAR = 1333.6  # W/m^2 above the atmosphere, as the package takes it
QUANTITIES = ("sunlight", "direct infrared")  # at the ground, on a horizontal plane, W/m^2
CLASSES = {"clear": (-1, 0), "cloud below 1": (0, 1), "cloud 1 to 5": (1, 5), "cloud above 5": (5, np.inf)}


def network():
    """FLiES-ANN in double precision, 14 inputs, with three of its seven outputs."""
    *hidden, last = fj.from_keras_file(packages.folder("FLiESANN", "fliesann h5py") / "FLiESANN.h5").parts
    return fj.Network([*hidden, fj.Layer(last.W[:, OUTPUTS], last.b[OUTPUTS])], dtype=float)


def physical(y, x):
    """`QUANTITIES` (n, 2) in W/m^2 from outputs (n, 3), and their derivatives by them (n, 2, 3)."""
    above = SOLAR * np.cos(np.radians(x[:, SUN]))
    passed, share, diffuse = y.T
    sunlight, none = above * passed, np.zeros(len(x))
    value = np.stack([sunlight, sunlight * share * (1 - diffuse)], axis=-1)
    by_outputs = [
        [above, none, none],
        [above * share * (1 - diffuse), sunlight * (1 - diffuse), -sunlight * share],
    ]
    return value, np.moveaxis(np.array(by_outputs), -1, 0)


def with_errors(part, x, strip=1 << 14):
    """Value and standard deviation (n, 2), in W/m^2, of every pixel; strip by strip, so that memory is bounded."""
    value, sigma = np.empty((2, len(x), len(QUANTITIES)))
    for first in range(0, len(x), strip):
        now = slice(first, first + strip)
        R = part.propagate_covariance(x[now], covariance(x[now]))
        value[now], G = physical(part(x[now]), x[now])
        sigma[now] = np.sqrt(np.einsum("nij,njk,nik->ni", G, R, G))
    return value, sigma


def dominant(part, x):
    """Which of `UNCERTAIN` alone would give the sunlight its largest error, (n,)."""
    effect = part.jacobian(x)[:, 0] ** 2 * np.diagonal(covariance(x), axis1=1, axis2=2)
    return effect.argmax(axis=-1)


def monte_carlo(part, x, n_draws=4000, seed=0):
    """Mean and standard deviation (n, 2) over draws of the inputs, one pixel after the other."""
    rng = np.random.default_rng(seed)
    found = np.empty((2, len(x), len(QUANTITIES)))
    for k, (each, P) in enumerate(zip(x, covariance(x))):
        drawn = np.tile(each, (n_draws, 1))
        # P is singular where there is no cloud, which an eigenvalue decomposition does not mind.
        drawn[:, COLUMNS] = rng.multivariate_normal(each[COLUMNS], P, n_draws, method="eigh")
        value, _ = physical(part(drawn), drawn)
        found[:, k] = value.mean(axis=0), value.std(axis=0)
    return found


def by_formed_jacobian(model, x):
    """As `with_errors`, for a model without `propagate_covariance`."""
    y, J = model.value_and_jacobian(x)
    value, G = physical(y, x)
    GJ = G @ J
    return value, np.sqrt(np.einsum("nij,njk,nik->ni", GJ, covariance(x), GJ))


def sample(x, n_each=100, seed=1):
    """Pixels of each of `CLASSES` by cloud, {name: (n_each, 14)}."""
    rng = np.random.default_rng(seed)
    cloud = x[:, COLUMNS.start]
    return {name: x[rng.choice(np.flatnonzero((cloud > low) & (cloud <= high)), n_each)]
            for name, (low, high) in CLASSES.items()}


def compare(part, x, n_each=100):
    """By class of cloud: standard deviations (n_each, 2) by the Jacobian and by Monte Carlo, {name: (both)}."""
    return {name: (with_errors(part, each)[1], monte_carlo(part, each)[1]) for name, each in sample(x, n_each).items()}


def roughness(part, x, n=25):
    """Steepest over flattest slope of the sunlight by cloud within one standard deviation of it, (n_points,)."""
    near = np.repeat(x[:, None], n, axis=1)
    near[..., COLUMNS.start] += np.linspace(-1, 1, n) * np.sqrt(covariance(x)[:, 0, 0])[:, None]
    slope = part.jacobian(near)[..., 0, 0]
    return slope.min(axis=1) / slope.max(axis=1)  # both are negative


def rates(net, part, x, with_others=False, n_draws=1000, seconds=4.0):
    """Pixels per second, {name: rate}, with errors of both quantities; Monte Carlo from 20 pixels."""
    few = x[:: len(x) // 20][:20]
    models = {"fastjac, J formed": part, "forward differences of fastjac": others.finite_differences(net, COLUMNS),
              "NumPy by hand": others.by_hand(net).select(COLUMNS)}
    if with_others:
        found = others.available(net, leave_out=("CasADi",))
        models |= {name: model.select(COLUMNS) for name, model in found.items() if name not in models}
    calls = {"fastjac": lambda: with_errors(part, x)}
    calls |= {name: lambda m=m: by_formed_jacobian(m, x) for name, m in models.items()}
    calls |= {f"Monte Carlo, {n_draws:,} draws": lambda: monte_carlo(part, few, n_draws)}
    sizes = [len(x)] * (len(calls) - 1) + [len(few)]
    return {name: size / seconds for size, (name, seconds) in zip(sizes, medians(calls, seconds).items())}


def draw(net, path):
    """The picture of this example, of every other pixel along both sides."""
    import pictures
    from matplotlib.colors import ListedColormap

    part, x = net.select(wrt=COLUMNS), scene().reshape(512, 512, 14)[::2, ::2].reshape(-1, 14)
    size = 256
    value, sigma = with_errors(part, x)
    picture, ((sunlight, uncertain), (cause, check)) = pictures.figure(9.2, 7.8, 2, 2)
    for axes, shown, title, options in (
        (sunlight, value[:, 0], "Sunlight at the ground, W/m²", {"cmap": "inferno"}),
        (uncertain, sigma[:, 0], "Its standard deviation by J P Jᵀ, W/m²", {"cmap": "viridis", "vmax": 40}),
    ):
        image = axes.imshow(shown.reshape(size, size), interpolation="none", **options)
        picture.colorbar(image, ax=axes, shrink=0.85, extend="max" if "vmax" in options else "neither")
        axes.set(title=title, xticks=[], yticks=[])

    causes = {"cloud": pictures.BLUE, "aerosol": pictures.ORANGE, "vapour": pictures.GREEN, "ozone": pictures.GREY,
              "albedo": pictures.RED}
    found = dominant(part, x)
    cause.imshow(found.reshape(size, size), cmap=ListedColormap(list(causes.values())), vmin=-0.5, vmax=4.5,
                 interpolation="none")
    cause.set(title="The input that contributes most", xticks=[], yticks=[])
    for name, color in causes.items():
        if np.mean(found == UNCERTAIN.index(name)) > 0.005:
            cause.plot([], [], "s", color=color, label=name)
    cause.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4)

    colors = (pictures.ORANGE, "#56b4e9", pictures.BLUE, "black")
    for (name, (linear, drawn)), color in zip(compare(part, x).items(), colors):
        check.loglog(drawn[:, 0], linear[:, 0], ".", color=color, markersize=4, label=name)
    check.plot([3, 60], [3, 60], color=pictures.GREY, linewidth=1, zorder=0)
    check.set(title="Standard deviation of the sunlight, W/m²", xlabel="Monte Carlo", ylabel="J P Jᵀ", aspect="equal",
              xticks=(5, 10, 20, 50), xticklabels=["5", "10", "20", "50"], yticks=(5, 10, 20, 50),
              yticklabels=["5", "10", "20", "50"])
    check.minorticks_off()
    check.legend(loc="upper left")
    pictures.save(picture, path)


def report(net, with_others):
    part, x = net.select(wrt=COLUMNS), scene()
    value, sigma = with_errors(part, x)
    print(f"{len(x):,} pixels, W/m², median (5 % to 95 %):")
    for name, v, s in zip(QUANTITIES, value.T, sigma.T):
        show = ["{1:.0f} ({0:.0f} to {2:.0f})".format(*np.quantile(each, [0.05, 0.5, 0.95])) for each in (v, s)]
        print(f"  {name:16}{show[0]:>20}, standard deviation {show[1]}")
    shares = np.bincount(dominant(part, x), minlength=len(UNCERTAIN)) / len(x)
    print("largest cause: " + ", ".join(f"{name} {share:.0%}" for name, share in zip(UNCERTAIN, shares)))

    print("\nstandard deviation by J P Jᵀ over that by Monte Carlo: median (10 % to 90 %), within 15 %")
    for name, (linear, drawn) in compare(part, x).items():
        row = f"  {name:14}"
        for quantity, ratio in zip(QUANTITIES, (linear / drawn).T):
            low, middle, high = np.quantile(ratio, [0.1, 0.5, 0.9])
            near = np.mean(abs(ratio - 1) < 0.15)
            row += f"{quantity:>18}: {middle:.2f} ({low:.2f} to {high:.2f}), {near:4.0%}"
        print(row)

    print("steepest over flattest slope by cloud within one standard deviation: median, and of the upper tenth")
    for name, each in list(sample(x).items())[1:]:
        middle, high = np.quantile(roughness(part, each), [0.5, 0.9])
        print(f"  {name:14}{middle:.1f}, {high:.1f}")

    print(f"\n{'pixels per second':34}")
    found = rates(net, part, x[:: len(x) // (1 << 14)], with_others)
    for name, rate in found.items():
        print(f"  {name:32}{rate:10,.0f}{found['fastjac'] / rate:9.1f}x")


if __name__ == "__main__":
    main(__doc__, network(), draw, report)

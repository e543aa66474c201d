"""NeuralFoil: aerodynamics of an airfoil from its shape, swish networks of eight sizes.

A network maps 25 scaled inputs to 198 scaled outputs. The package evaluates it twice, on the airfoil
and on its mirror image, and averages; its own code does so here, with a stand-in for AeroSandbox
that has just the array functions the code calls.
"""

import importlib
import sys
import types
from unittest import mock

import numpy as np
from oracles import Plain

from real import Trained, folder

SIZES = ("xxsmall", "xsmall", "small", "medium", "large", "xlarge", "xxlarge", "xxxlarge")
N_POINTS = 32  # of the boundary layer, on each side
INPUTS = {"upper": slice(0, 8), "lower": slice(8, 16), "leading_edge": 16, "trailing_edge": 17,
          "sin_2_alpha": 18, "xtr_upper": 23, "xtr_lower": 24}


def weights_folder():
    return folder() / "neuralfoil" / "nn_weights_and_biases"


def sizes_in_package():
    return {path.stem.removeprefix("nn-") for path in weights_folder().glob("nn-*.npz")}


def network(size, n_points=1):
    """The network of one size, at points drawn from the inputs it was trained on."""
    with np.load(weights_folder() / f"nn-{size}.npz") as file:
        numbers = sorted({int(key.split(".")[1]) for key in file.files})
        layers = [Plain(file[f"net.{i}.weight"].T.astype(float), file[f"net.{i}.bias"].astype(float), "silu")
                  for i in numbers]
    layers[-1] = layers[-1]._replace(activation="identity")
    with np.load(weights_folder() / "scaled_input_distribution.npz") as file:
        mean, covariance = file["mean_inputs_scaled"].astype(float), file["cov_inputs_scaled"]
    values, vectors = np.linalg.eigh(covariance)
    normal = np.random.default_rng(25).standard_normal((n_points, len(mean)))
    return Trained(layers, mean + (normal * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def airfoils(n_cases=6):
    """Plausible airfoils and flow conditions, as keyword arguments of the package's function."""
    rng = np.random.default_rng(0)
    upper = 0.2 + 0.05 * rng.standard_normal((8, n_cases))
    return {
        "kulfan_parameters": {"upper_weights": upper,
                              "lower_weights": 0.1 - 0.8 * upper,
                              "leading_edge_weight": 0.1 * rng.standard_normal(n_cases),
                              "TE_thickness": 0.002 * rng.random(n_cases)},
        "alpha": np.linspace(-4, 12, n_cases),
        "Re": np.geomspace(1e5, 5e6, n_cases),
        "n_crit": np.linspace(5, 11, n_cases),
        "xtr_upper": np.linspace(0.3, 1, n_cases),
        "xtr_lower": np.linspace(1, 0.5, n_cases),
    }


def scaled_inputs(kulfan_parameters, alpha, Re, n_crit, xtr_upper, xtr_lower):
    """The 25 inputs of the network, one case a row."""
    alpha = np.radians(alpha)
    return np.column_stack([
        *kulfan_parameters["upper_weights"], *kulfan_parameters["lower_weights"],
        kulfan_parameters["leading_edge_weight"], 50 * kulfan_parameters["TE_thickness"],
        np.sin(2 * alpha), np.cos(alpha), np.sin(alpha) ** 2,
        (np.log(Re) - 12.5) / 3.5, (n_crit - 9) / 4.5, xtr_upper, xtr_lower,
    ])


def mirrored_inputs(x):
    """The inputs of the airfoil upside down, seen from below."""
    mirrored = x.copy()
    for one, other in (("upper", "lower"), ("lower", "upper")):
        mirrored[:, INPUTS[one]] = -x[:, INPUTS[other]]
        mirrored[:, INPUTS["xtr_" + one]] = x[:, INPUTS["xtr_" + other]]
    for name in ("leading_edge", "sin_2_alpha"):
        mirrored[:, INPUTS[name]] *= -1
    return mirrored


def coefficients(net, case):
    """Lift, drag, moment and edge velocities as the package defines them, `net` being the network."""
    x = scaled_inputs(**case)
    y, mirror = net(x), net(mirrored_inputs(x))
    upper, lower = (slice(6 + k * N_POINTS, 6 + (k + 1) * N_POINTS) for k in (2, 5))
    velocities = (y[:, upper] - mirror[:, lower]) / 2
    return {"CL": (y[:, 1] - mirror[:, 1]) / 4,
            "CD": np.exp(y[:, 2] + mirror[:, 2] - 4),
            "CM": (y[:, 3] - mirror[:, 3]) / 40,
            **{f"upper_bl_ue/vinf_{i}": velocities[:, i] for i in range(N_POINTS)}}


def authors_function():
    """`get_aero_from_kulfan_parameters` of the package."""
    array = types.ModuleType("aerosandbox.numpy")
    vars(array).update(
        {name: getattr(np, name) for name in np.__all__},
        length=lambda a: len(a) if np.ndim(a) else 1,
        swish=lambda x: x / (1 + np.exp(-x)),
        # Not by np.radians, which refuses the complex numbers of a complex step.
        sind=lambda x: np.sin(x * (np.pi / 180)), cosd=lambda x: np.cos(x * (np.pi / 180)))
    sandbox = types.ModuleType("aerosandbox")
    vars(sandbox).update(numpy=array, Airfoil=object, KulfanAirfoil=object)
    package = types.ModuleType("neuralfoil")
    package.__path__ = [str(folder() / "neuralfoil")]
    stand_ins = {"aerosandbox": sandbox, "aerosandbox.numpy": array, "neuralfoil": package}
    with mock.patch.dict(sys.modules, stand_ins):
        return importlib.import_module("neuralfoil.main").get_aero_from_kulfan_parameters

"""FLiES-ANN: radiation under an atmosphere, a Keras network with sigmoid, relu and linear layers."""

import csv
import importlib.util
import json

import h5py
import numpy as np
from oracles import Plain

from real import Trained, folder

KERAS_NAMES = {"linear": "identity", "relu": "relu", "sigmoid": "sigmoid"}
HEADS = ("atmospheric_transmittance", "UV_proportion", "PAR_proportion", "NIR_proportion",
         "UV_diffuse_fraction", "PAR_diffuse_fraction", "NIR_diffuse_fraction")


def files_in_package():
    return {path.name for path in (folder() / "FLiESANN").rglob("*.h5")}


def layers():
    with h5py.File(folder() / "FLiESANN" / "FLiESANN.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]["layers"]
        weights = file["model_weights"]
        return [Plain(*(weights[name][name][part][()].astype(float) for part in ("kernel:0", "bias:0")),
                      KERAS_NAMES[layer["config"]["activation"]])
                for layer in config for name in [layer["config"]["name"]]]


def network(n_points=40):
    """The network at calibration sites of the package, evenly picked from the table."""
    x, _ = table()
    return Trained(layers(), x[np.linspace(0, len(x) - 1, n_points).astype(int)])


def table():
    """Inputs of the network and its published outputs for every site of the package."""
    with open(folder() / "FLiESANN" / "ECOv002-cal-val-FLiESANN-outputs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    column = {name: np.array([float(row[name] or "nan") for row in rows])
              for name in ("KG_climate", "COT", "AOT", "vapor_gccm", "ozone_cm", "albedo", "elevation_m",
                           "SZA_deg", *HEADS)}
    cloud = authors_cloud_type()(column["KG_climate"], column["COT"])
    # The package reads the aerosol flags from the cloud type, and was published so.
    flags = [cloud == kind for kind in (0, 1, 3, 1, 2, 4, 5)]
    x = np.column_stack([*flags, column["COT"], column["AOT"], column["vapor_gccm"], column["ozone_cm"],
                         column["albedo"], column["elevation_m"] / 1000, column["SZA_deg"]])
    y = np.column_stack([column[name] for name in HEADS])
    known = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    return x[known], y[known]


def published(y, x):
    """What the package publishes of raw outputs: fractions, with its correction of one of them."""
    y = np.clip(y, 0, 1)
    thickness = x[:, 7]
    log = np.log(np.where(thickness > 0, thickness, 1))
    correction = np.minimum(0.05088 * log**2 + 0.04909 * log + 0.5017, 1)
    y[:, 5] *= np.where(thickness > 0, correction, 1) * 0.915
    return y


def authors_cloud_type():
    """`determine_ctype` of the package, whose file needs nothing but NumPy."""
    path = folder() / "FLiESANN" / "determine_ctype.py"
    spec = importlib.util.spec_from_file_location("determine_ctype", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.determine_ctype

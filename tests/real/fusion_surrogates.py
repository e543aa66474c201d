"""fusion-surrogates: turbulent transport (QLKNN, tanh) and fast-ion stabilisation (relu) in tokamaks.

The files are msgpack as Flax writes it: an array is an extension of type 1 that holds its shape,
dtype name and bytes.
"""

import ast

import msgpack
import numpy as np
from oracles import Plain

from real import Trained, folder, normalised, unnormalised

FAST_IONS = ("H", "He3")


def unpack(data):
    return msgpack.unpackb(data, ext_hook=array)


def array(code, data):
    assert code == 1, f"expected an array (extension 1), got extension {code}"
    shape, dtype, values = msgpack.unpackb(data)
    return np.frombuffer(values, dtype).reshape(shape).astype(float)


def layers_of(dense, activation):
    layers = [Plain(dense[f"Dense_{k}"]["kernel"], dense[f"Dense_{k}"]["bias"], activation)
              for k in range(len(dense))]
    layers[-1] = layers[-1]._replace(activation="identity")
    return layers


def nonzero(scale):
    return np.where(scale == 0, 1, scale)


def files_in_package():
    package = folder() / "fusion_surrogates"
    return {path.name for suffix in ("qlknn", "fistab") for path in package.rglob(f"*.{suffix}")}


def qlknn():
    """QLKNN 7/11, 10 inputs and 8 targets in physical units, at the authors' test inputs."""
    models = folder() / "fusion_surrogates" / "qlknn" / "models"
    file = unpack((models / "qlknn_7_11.qlknn").read_bytes())
    config = unpack(file["config"])
    # The parameters carry a leading axis of length one, for the devices of the training.
    dense = {name: {part: values[0] for part, values in layer.items()}
             for name, layer in file["params"]["params"].items()}
    stats = config["stats_data"]
    layers = layers_of(dense, config["network_config"]["activation"])
    layers = normalised(layers, stats["input_mean"], nonzero(stats["input_stddev"]))
    layers = unnormalised(layers, stats["target_mean"], nonzero(stats["target_stddev"]))
    return Trained(layers, qlknn_test_data()["inputs"])


def qlknn_test_data():
    """The authors' inputs and outputs, in float64."""
    with np.load(folder() / "fusion_surrogates" / "qlknn" / "models" / "qlknn_7_11_test_data.npz") as file:
        return dict(file)


def fast_ions(species):
    """The network inside 1 + (n_fi / n_e) * network(x), at the points of the authors' test."""
    models = folder() / "fusion_surrogates" / "fast_ion_stabilization" / "models"
    file = unpack((models / f"fast_ion_{species}_v1.fistab").read_bytes())
    config = unpack(file["config"])
    stats = config["input_stats"]
    layers = layers_of(file["params"]["params"]["MLP_0"], config["activation"])
    return Trained(normalised(layers, stats["mean"], nonzero(stats["std"])), fast_ions_test_data()["x"])


def fast_ions_test_data():
    """The inputs and the expected outputs that stand as constants in the authors' test."""
    path = folder() / "fusion_surrogates" / "fast_ion_stabilization" / "fast_ion_model_integration_test.py"
    constants = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            constants[node.targets[0].id] = np.array(ast.literal_eval(value), dtype=float)
    x = np.array([[constants["_SMAG"], constants["_Q"], constants["_N_FI_OVER_NE"], t, constants["_RLTI_FI"]]
                  for t in constants["_T_FI_OVER_TE_VALUES"]])
    return {"x": x, "H": constants["_EXPECTED_H_OUTPUTS"], "He3": constants["_EXPECTED_HE3_OUTPUTS"]}


def stabilisation(net, x):
    return 1 + x[:, 2] * net(x)[:, 0]

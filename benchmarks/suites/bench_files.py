"""Reading a network of two million weights from a file, beside NumPy reading its arrays.

Files of Keras and ONNX are written, and timed, where h5py and onnx are installed. `python -m suites.bench_files` prints
how many times as long as NumPy each takes.
"""

import io
import json
import os
import statistics
import tempfile
import time
import zipfile

import numpy as np

import fastjac as fj

from .networks import make_direction

WIDTHS = (64, 1000, 1000, 900, 64)


def write_nnet(path, layers):
    widths = [layers[0][0].shape[0], *(W.shape[1] for W, _, _ in layers)]
    n_in = widths[0]

    def record(numbers):
        return ",".join(map(repr, numbers)) + ",\n"

    with open(path, "w") as file:
        file.write(record([len(layers), n_in, widths[-1], max(widths)]) + record(widths) + "0,\n")
        for number, n in ((-1e9, n_in), (1e9, n_in), (0.0, n_in + 1), (1.0, n_in + 1)):
            file.write(record([number] * n))
        for W, b, _ in layers:
            file.writelines(record(row) for row in W.T.tolist())
            file.writelines(record([number]) for number in b.tolist())


def write_onnx(path, layers):
    from onnx import helper, numpy_helper, save_model

    nodes, initializers, a = [], [], "x"
    for k, (W, b, _) in enumerate(layers, 1):
        initializers += [numpy_helper.from_array(W, f"W{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [a, f"W{k}", f"b{k}"], [f"h{k}"]))
        nodes.append(helper.make_node("Tanh", [f"h{k}"], [f"a{k}"]))
        a = f"a{k}"
    number = helper.np_dtype_to_tensor_dtype(layers[0][0].dtype)
    ends = [helper.make_tensor_value_info(name, number, ["n", n])
            for name, n in (("x", layers[0][0].shape[0]), (a, layers[-1][0].shape[1]))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], initializers)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def write_keras(path, layers):
    import h5py

    weights, entries = io.BytesIO(), []
    with h5py.File(weights, "w") as file:
        for k, (W, b, activation) in enumerate(layers):
            name = f"dense_{k}" if k else "dense"
            for i, array in enumerate((W, b)):
                file[f"layers/{name}/vars/{i}"] = array
            entries.append({"class_name": "Dense", "config": {"name": name, "activation": activation}})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(
            {"class_name": "Sequential", "config": {"name": "net", "layers": entries}}))
        archive.writestr("model.weights.h5", weights.getvalue())


class Load:
    params = (["float32", "float64"],)
    param_names = ("dtype",)

    def setup(self, dtype):
        self.folder = tempfile.TemporaryDirectory()
        shapes = list(zip(WIDTHS, WIDTHS[1:]))
        self.arrays = {f"W{k}": make_direction(shape, dtype) / shape[0] for k, shape in enumerate(shapes, 1)}
        self.arrays |= {f"b{k}": make_direction(shape[1], dtype) for k, shape in enumerate(shapes, 1)}
        self.layers = [(self.arrays[f"W{k}"], self.arrays[f"b{k}"], "tanh") for k in range(1, len(WIDTHS))]
        net = fj.Network(self.layers)
        suffixes = ("safetensors", "npz", "nnet", "onnx", "keras")
        self.paths = {suffix: os.path.join(self.folder.name, f"net.{suffix}") for suffix in suffixes}
        net.save(self.paths["safetensors"])
        fj.save_npz(net, self.paths["npz"])
        write_nnet(self.paths["nnet"], self.layers)
        for suffix, write in (("onnx", write_onnx), ("keras", write_keras)):
            try:
                write(self.paths[suffix], self.layers)
            except ImportError:
                del self.paths[suffix]
        np.savez(os.path.join(self.folder.name, "arrays.npz"), **self.arrays)

    def teardown(self, dtype):
        self.folder.cleanup()

    def time_load_safetensors(self, dtype):
        return fj.load(self.paths["safetensors"])

    def time_load_npz(self, dtype):
        return fj.load(self.paths["npz"])

    def time_load_nnet(self, dtype):
        return fj.load(self.paths["nnet"], dtype=dtype, normalize=False, clip=False)

    def time_load_onnx(self, dtype):
        return self.load_if_written("onnx")

    def time_load_keras(self, dtype):
        return self.load_if_written("keras")

    def load_if_written(self, suffix):
        if suffix not in self.paths:
            raise NotImplementedError(f"no {suffix} file: what writes it is missing")
        return fj.load(self.paths[suffix])

    def time_network_of_arrays(self, dtype):
        """What a reader cannot do without."""
        return fj.Network(self.layers)

    def time_numpy_load(self, dtype):
        with np.load(os.path.join(self.folder.name, "arrays.npz")) as file:
            return {name: file[name] for name in file.files}

    def check_load(self, net, dtype):
        assert net.dtype == dtype and tuple(net.widths) == WIDTHS
        for layer, (W, b, _) in zip(net.layers, self.layers, strict=True):
            assert np.array_equal(layer.W, W) and np.array_equal(layer.b, b)

    check_load_safetensors = check_load_npz = check_load_nnet = check_network_of_arrays = check_load
    check_load_onnx = check_load_keras = check_load

    def check_numpy_load(self, arrays, dtype):
        assert all(np.array_equal(arrays[name], array) for name, array in self.arrays.items())


def main(n_rounds=15):
    for dtype in Load.params[0]:
        suite = Load()
        suite.setup(dtype)
        names = [f"time_load_{suffix}" for suffix in suite.paths] + ["time_network_of_arrays", "time_numpy_load"]
        seconds = {name: [] for name in names}
        for _ in range(n_rounds):
            for name in names:
                begin = time.perf_counter()
                getattr(suite, name)(dtype)
                seconds[name].append(time.perf_counter() - begin)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        for name, median in medians.items():
            print(f"{dtype}  {name.removeprefix('time_'):18} {1e3 * median:8.1f} ms  "
                  f"{median / medians['time_numpy_load']:6.1f} x numpy.load")
        suite.teardown(dtype)


if __name__ == "__main__":
    main()

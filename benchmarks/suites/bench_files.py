"""Reading a network of two million weights from a file, beside NumPy reading its arrays."""

import os
import tempfile

import numpy as np

import fastjac as fj

from .networks import make_direction

WIDTHS = (64, 1000, 1000, 900, 64)


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
        self.paths = {suffix: os.path.join(self.folder.name, f"net.{suffix}") for suffix in ("safetensors", "npz")}
        net.save(self.paths["safetensors"])
        fj.save_npz(net, self.paths["npz"])
        np.savez(os.path.join(self.folder.name, "arrays.npz"), **self.arrays)

    def teardown(self, dtype):
        self.folder.cleanup()

    def time_load_safetensors(self, dtype):
        return fj.load(self.paths["safetensors"])

    def time_load_npz(self, dtype):
        return fj.load(self.paths["npz"])

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

    check_load_safetensors = check_load_npz = check_network_of_arrays = check_load

    def check_numpy_load(self, arrays, dtype):
        assert all(np.array_equal(arrays[name], array) for name, array in self.arrays.items())

"""Networks exported as C, compiled and called through ctypes with the methods of a network."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
needs_compiler = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")
needs_gcc = pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
needs_linux = pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")

# No frame takes more than this of a caller's stack, however wide the network.
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Wvla", "-Wstrict-prototypes",
          "-Wframe-larger-than=24000", "-Werror")
FAST = ("-O3", "-march=native")


def run(*command, **keywords):
    """Run a command; its output, and a failure that shows what it said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False,
                          **keywords)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def compile_library(folder, sources, compiler="gcc", flags=FAST, name="exported"):
    """Path of the shared library of these C files."""
    library = folder / f"{name}.so"
    run(compiler, *STRICT, *flags, "-fPIC", "-shared", *sources, "-lm", "-o", library)
    return library


class Exported:
    """The functions of one exported network in a library."""

    def __init__(self, net, library, name="net", dtype=None):
        self.library, self.name = ctypes.CDLL(str(library)), name
        self.n_in, self.n_wrt, self.n_out = net.n_in, net.n_wrt, net.n_out
        self.dtype = np.dtype(dtype or net.dtype)
        self.n_work = int(re.search(r"#define \w+_N_WORK (\d+)", (library.parent / f"{name}.h").read_text())[1])

    def call(self, function, inputs, shapes, *more):
        inputs = [np.ascontiguousarray(array, self.dtype) for array in inputs]
        outputs = [np.full(shape, np.nan, self.dtype) for shape in shapes]
        work = np.full(self.n_work + 1, np.nan, self.dtype)  # and one that is not to be touched
        work[-1] = 1234
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*inputs, *outputs)]
        getattr(self.library, f"{self.name}_{function}")(
            *pointers, *map(ctypes.c_ssize_t, more), ctypes.c_void_p(work.ctypes.data))
        assert work[-1] == 1234, "wrote beyond the workspace"
        return outputs

    def each(self, function, inputs, *shapes):
        """The function at every row of its inputs."""
        results = [self.call(function, rows, shapes) for rows in zip(*map(np.atleast_2d, inputs), strict=True)]
        stacked = [np.stack(column) for column in zip(*results)]
        stacked = stacked if np.ndim(inputs[0]) == 2 else [array[0] for array in stacked]
        return stacked[0] if len(stacked) == 1 else tuple(stacked)

    def __call__(self, x):
        return self.each("value", [x], self.n_out)

    def jacobian(self, x):
        return self.each("jacobian", [x], (self.n_out, self.n_wrt))

    def value_and_jacobian(self, x):
        return self.each("value_and_jacobian", [x], self.n_out, (self.n_out, self.n_wrt))

    def jvp(self, x, v):
        return self.each("jvp", [x, v], self.n_out)

    def vjp(self, x, w):
        return self.each("vjp", [x, w], self.n_wrt)


def export(folder, net, name="net", compiler="gcc", flags=FAST, **options):
    """The network exported, compiled with warnings as errors and loaded."""
    net.export_c(folder / f"{name}.c", name=name, **options)
    library = compile_library(folder, [folder / f"{name}.c"], compiler, flags, name)
    return Exported(net, library, name, options.get("dtype"))

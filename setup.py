"""Build of the extension modules: one source of kernels, one build per instruction set.

Everything else about the package stands in pyproject.toml. Compiler directives are set here,
once, because a misspelt directive in a file header is ignored silently.
"""

import platform
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("fastjac/kernels")
INCLUDE = Path("fastjac/include")
X86_64 = platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32

# No -march=native (the wheel must run elsewhere), no -ffast-math (it changes the floating-point
# mode of the whole process when it is linked); these two flags are safe and let loops vectorise.
UNIX_FLAGS = ["-std=c11", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"]
MSVC_FLAGS = ["/std:c11", "/O2"]

# Build name -> flags of (GCC and Clang, MSVC).
SIMD_BUILDS = {
    "v2": (["-march=x86-64-v2"], []),
    "v3": (["-march=x86-64-v3"], ["/arch:AVX2"]),
    "v4": (["-march=x86-64-v4", "-mprefer-vector-width=512"], ["/arch:AVX512"]),
} if X86_64 else {"baseline": ([], [])}

DIRECTIVES = {
    "language_level": 3,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
    "embedsignature.format": "python",
}


class BuildExt(build_ext):
    """Adds the flags that depend on which compiler is found."""

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        for extension in self.extensions:
            build = SIMD_BUILDS.get(extension.name.rpartition(".")[2], ([], []))
            extension.extra_compile_args = (MSVC_FLAGS + build[1]) if msvc else (UNIX_FLAGS + build[0])
        super().build_extensions()


def extension(name, depends=()):
    return Extension(
        name,
        [name.replace(".", "/") + ".pyx"],
        depends=[str(path) for path in depends],
        include_dirs=[np.get_include(), str(KERNELS), str(INCLUDE)],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )


kernel_sources = sorted(KERNELS.glob("*.pxi")) + sorted(KERNELS.glob("*.h")) + sorted(KERNELS.glob("*.pxd"))
extensions = [extension(f"fastjac.kernels.{name}", kernel_sources) for name in SIMD_BUILDS]
extensions += [
    extension("fastjac.kernels.dispatch", kernel_sources),
    extension("fastjac._custom", kernel_sources),
    extension("fastjac._handle", kernel_sources),
    extension("fastjac._blas"),
    extension("fastjac._engine_blas", kernel_sources),
    extension("fastjac._tiles", kernel_sources),
    extension("fastjac.cython_api", [*kernel_sources, INCLUDE / "fastjac.h"]),
    extension("fastjac._packed", [*kernel_sources, INCLUDE / "fastjac.h"]),
    extension("fastjac._program", kernel_sources),
]

setup(
    ext_modules=cythonize(extensions, build_dir="build/cython", compiler_directives=DIRECTIVES),
    cmdclass={"build_ext": BuildExt},
)

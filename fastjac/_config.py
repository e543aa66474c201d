"""What runs here: versions, SIMD build, BLAS, cores."""

import os
import platform
from pathlib import Path

import numpy as np

from fastjac._arguments import n_cores
from fastjac._version import __version__


def get_include():
    """Directory of the header ``fastjac.h``, for the include path of a C compiler.

    Returns
    -------
    str
    """
    return str(Path(__file__).parent / "include")


def show_config(mode="print"):
    """Print or return what fastjac runs on.

    Parameters
    ----------
    mode : {"print", "dict"}
        Whether to print a table or to return a dictionary.

    Returns
    -------
    dict or None
        Keys: fastjac, python, numpy, scipy (versions), platform, simd (the build of the kernels that
        runs), simd_available, FASTJAC_SIMD (the environment variable, or None), blas, blas_version,
        blas_int_nbytes, cores (those that this process may use).

    Raises
    ------
    ValueError
        If `mode` is another word.
    """
    if mode not in ("print", "dict"):
        raise ValueError(f"mode: expected 'print' or 'dict', got {mode!r}")
    import scipy

    from fastjac._blas import blas_info
    from fastjac.kernels import dispatch

    blas = blas_info()
    config = {
        "fastjac": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "simd": dispatch.simd_level(),
        "simd_available": dispatch.available(),
        "FASTJAC_SIMD": os.environ.get("FASTJAC_SIMD"),
        "blas": blas["name"],
        "blas_version": blas["version"],
        "blas_int_nbytes": blas["int_nbytes"],
        "cores": n_cores(),
    }
    if mode == "dict":
        return config
    for key, value in config.items():
        text = ", ".join(value) if isinstance(value, tuple) else "not set" if value is None else value
        print(f"{key:<16} {text}")
    return None

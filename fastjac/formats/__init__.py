"""Readers of networks: of files and of live objects, one file per source; each returns a `fastjac.Network`.

A reader is imported when it is asked for.
"""

from importlib import import_module

# Name -> module; `fastjac` hands most of them on.
MODULES = {
    "ModelFormatError": "errors",
    "from_equinox": "equinox",
    "from_flax": "flax",
    "from_keras": "keras",
    "from_keras_file": "keras_file",
    "from_nnet": "nnet",
    "from_npz": "npz",
    "from_onnx": "onnx",
    "from_safetensors": "safetensors",
    "from_sklearn": "sklearn",
    "from_state_dict": "state_dict",
    "from_torch": "torch",
    "load": "loading",
    "read_notes": "loading",
    "save_npz": "npz",
}


def __getattr__(name):
    if name in MODULES:
        return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return list(MODULES)

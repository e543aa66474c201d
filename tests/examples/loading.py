"""Scripts of the examples as modules."""

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import real

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def load(example, script):
    """The script of an example, with the modules beside it within its reach as when it is run."""
    folder = EXAMPLES / example
    spec = importlib.util.spec_from_file_location(f"{example}_{script}", folder / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    before = sys.path[:]
    sys.path[:0] = [str(folder), str(EXAMPLES)]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


@contextmanager
def fetched_packages():
    """With the packages of trained networks installed, as far as a search for them can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(real.folder())
        yield

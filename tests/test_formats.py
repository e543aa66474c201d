"""The readers as a whole: their names, and that one is imported only when it is asked for."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import fastjac as fj
from fastjac import formats
from fastjac.formats.loading import READERS


@pytest.mark.parametrize("name", formats.MODULES)
def test_names(name):
    function = getattr(formats, name)
    assert function.__name__ == name
    assert function.__module__ == f"fastjac.formats.{formats.MODULES[name]}"
    assert name in dir(formats)


def test_what_fastjac_hands_on_is_there():
    handed_on = [name for name in fj.__all__ if name not in vars(fj)]
    assert set(formats.MODULES) - {"from_safetensors", "read_notes"} == set(handed_on)
    assert all(getattr(fj, name) is getattr(formats, name) for name in handed_on)


def test_unknown_names():
    for module in (fj, formats):
        with pytest.raises(AttributeError, match=r"'fastjac[.\w]*' has no attribute 'from_nowhere'"):
            module.from_nowhere  # noqa: B018


def test_suffixes_have_readers():
    assert set(READERS.values()) <= set(formats.MODULES)


def test_a_reader_does_not_import_the_others():
    code = (
        "import sys, fastjac as fj; fj.load, fj.from_torch\n"
        "print(*sorted(name for name in sys.modules if name.startswith('fastjac.formats.')))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.split() == [f"fastjac.formats.{name}" for name in ("errors", "loading", "objects", "torch")]


def test_messages_are_short(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, W1=np.ones((1, 1)), activations=["x" * 20_000])
    with pytest.raises(fj.ModelFormatError) as caught:
        fj.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: layer 1 of 1: unknown activation 'xxx")
    assert 1900 < len(message) <= 2000
    assert "log_softmax" in message  # at its end
    assert str(pickle.loads(pickle.dumps(caught.value))) == message

"""The readers as a whole: their names, that one is imported only when it is asked for, the page that lists them."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastjac as fj
from fastjac import formats
from fastjac.formats import equinox, keras_layers, sklearn, sklearn_transformers, torch
from fastjac.formats._onnx.operators import OPERATORS
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
    modules = ("errors", "links", "loading", "objects", "torch")
    assert result.stdout.split() == [f"fastjac.formats.{name}" for name in modules]


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


DOCS = Path(__file__).parents[1] / "docs"


def names_of_readers():
    """Column of docs/operators.md -> the names that its reader knows."""
    functions = [f"numpy.{f.__name__}" for f in sklearn_transformers.FUNCTIONS if f is not None]
    return {
        "PyTorch": torch.SUPPORTED,
        "Keras": (*keras_layers.SUPPORTED, *keras_layers.FUNCTIONS),
        "ONNX": [name.rpartition(".")[2] for name in OPERATORS],
        "scikit-learn": (*sklearn.PREDICTORS, *sklearn_transformers.TRANSFORMERS, *sklearn.ACTIVATIONS, *functions),
        "Equinox, JAX": (*equinox.SUPPORTED, *equinox.FUNCTIONS),
    }


def rows_of_page():
    """Dictionaries column -> set of names, of all rows; the first column is "becomes"."""
    columns = None
    for line in (DOCS / "operators.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            columns = None
        elif columns is None:
            columns = ["becomes", *(cell.strip() for cell in line.split("|")[2:-1])]
        elif not line.startswith("|---"):
            yield dict(zip(columns, (set(re.findall("`(.+?)`", cell)) for cell in line.split("|")[1:-1]), strict=True))


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs the sources beside the tests")
def test_page_of_operators_lists_what_the_readers_know():
    rows = list(rows_of_page())
    for column, names in names_of_readers().items():
        assert set().union(*(row[column] for row in rows)) == set(names), column
    becomes = set().union(*(row["becomes"] for row in rows))
    parts = {"Layer", "Affine", "LayerNorm", "RMSNorm", "Residual", "Elementwise"}
    assert parts <= becomes <= parts | set(fj.ACTIVATIONS)


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs the sources beside the tests")
@pytest.mark.parametrize("column, table", [
    ("PyTorch", torch.ACTIVATIONS), ("Keras", keras_layers.FUNCTIONS), ("Equinox, JAX", equinox.FUNCTIONS),
])  # fmt: skip
def test_page_of_operators_has_them_in_their_rows(column, table):
    rows_of = {name: row for row in rows_of_page() for name in row["becomes"] if name in fj.ACTIVATIONS}
    for name, (ours, _) in table.items():
        if ours != "identity":
            assert name in rows_of[ours][column], (name, ours)

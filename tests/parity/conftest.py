"""After the tests a table: the networks that each reader made, and the largest errors of their values and Jacobians."""

from collections import defaultdict

import numpy as np
import pytest
import standins

import fastjac as fj

READERS = {
    "from_torch": "torch.autograd in double",
    "from_state_dict": "torch.autograd in double",
    "from_keras": "JAX through Keras, in the model's type",
    "from_keras_file": "JAX through Keras, in the model's type",
    "from_sklearn": "predict; differences of order 8",
    "from_equinox": "JAX, in the module's type",
    "from_flax": "JAX in double",
    "from_onnx": "torch.autograd in double; predict",
}
ERRORS = defaultdict(list)  # (reader, dtype) -> per network the largest errors of value and J


@pytest.fixture(autouse=True)
def keep_errors(monkeypatch):
    made = []  # pairs (reader, network)

    def noting(name):
        reader = getattr(fj, name)

        def read(*arguments, **options):
            net = reader(*arguments, **options)
            made.append((name, net))
            return net

        return read

    for name in READERS:
        monkeypatch.setattr(fj, name, noting(name))
    standins.SEEN.clear()
    yield
    for name, net in made:
        errors = [pair for other, pair in standins.SEEN if other is net]
        if errors:
            ERRORS[name, net.dtype.name].append(np.max(errors, axis=0))


def pytest_terminal_summary(terminalreporter):
    if not ERRORS:
        return
    terminalreporter.section("largest errors, relative to the largest element")
    terminalreporter.write_line(f"{'reader':16}{'dtype':9}{'networks':>8}  {'value':8}{'J':8}against")
    for (reader, dtype), errors in sorted(ERRORS.items()):
        value, jacobian = np.max(errors, axis=0)
        terminalreporter.write_line(
            f"{reader:16}{dtype:9}{len(errors):8}  {value:<8.0e}{jacobian:<8.0e}{READERS[reader]}")

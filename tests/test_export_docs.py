"""The page on export_c and the example of a controller do what they say, compiled and run."""

import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from exported import STRICT, needs_gcc, run

import fastjac as fj

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "export-c.md"

pytestmark = [needs_gcc, pytest.mark.skipif(not PAGE.exists(), reason="needs the sources beside the tests")]


def blocks():
    """(language, text) of the fenced blocks of the page."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def can_run(text):
    if "casadi" in text:
        return importlib.util.find_spec("casadi") is not None
    return "gfortran" not in text or shutil.which("gfortran") is not None


def test_page_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed = {}, []
    for language, text in filter(lambda block: can_run(block[1]), blocks()):
        if language in ("c", "fortran"):
            Path(re.match(r"(?:/\* |! )(\S+)", text)[1]).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(text, names)
        else:
            printed += run("bash", "-e", "-c", text).split()
    stress, tangent = names["net"].value_and_jacobian([0.1, -0.2, 0.3, 0.0, 0.05, -0.1])
    expected = [stress[0], tangent[0, 1]] * (2 if shutil.which("gfortran") else 1)
    np.testing.assert_allclose(np.array(printed, float), expected, atol=2e-12)


@pytest.mark.skipif(shutil.which("gfortran") is None, reason="needs gfortran")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fortran_module_compiles_without_warnings(dtype, tmp_path):
    net = fj.Network([(np.eye(4, 3), None, "tanh")], dtype=dtype)
    for functions in (("value",), ("jvp", "vjp"), ("value_and_jacobian", "jacobian")):
        net.export_c(tmp_path / "law.c", name="law", functions=functions)
        run("gfortran", "-std=f2018", "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "law.f90", cwd=tmp_path)


def test_controller_reaches_its_target(tmp_path):
    net = fj.from_npz(Path(fj.__file__).parent / "data" / "pendulum.npz")
    net.export_c(tmp_path / "plant.c", name="plant")
    source = ROOT / "examples" / "export_c" / "mpc_pendulum.c"
    run("gcc", *STRICT, "-O2", f"-I{tmp_path}", source, tmp_path / "plant.c", "-lm", "-o", tmp_path / "mpc")
    last = run(tmp_path / "mpc").splitlines()[-1].split()
    angle, velocity, gap = map(float, last[1::2])
    assert abs(angle - 0.5) < 0.01
    assert abs(velocity) < 1e-3
    assert gap < 1e-9

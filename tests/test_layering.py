"""Imports go downwards only, `import fastjac` is light, and what must not stand in a source does not."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fastjac"

# From the bottom to the top. A module imports from the lines above its own only; a package is one
# name, and its modules may import each other.
LAYERS = (
    ("_version", "data"),
    ("kernels",),
    ("_blas", "_handle", "_custom", "_names"),
    ("_tables",),
    ("activations", "planning", "skips", "_arguments", "_replacing", "_workers"),
    ("_engine_blas",),
    ("_tiles",),
    ("cython_api",),
    ("cfunctions",),
    ("_packed", "layer"),
    ("_program", "parts"),
    ("_svg",),
    ("_picture",),
    ("render", "export", "products", "adapters", "lowering", "composing", "saving"),
    ("selection",),
    ("network",),
    ("custom",),
    ("formats",),
    ("_config",),
    ("__init__",),
    ("_cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

PYTHON_SOURCES = sorted(PACKAGE.rglob("*.py"))
CYTHON_SOURCES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".pyx", ".pxd", ".pxi"))
TEXT_SUFFIXES = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".md", ".toml", ".yml", ".yaml", ".txt", ".in",
                 ".json", ".svg"}
TEXT_SOURCES = sorted(
    path
    for top in ("fastjac", "tests", "benchmarks", "docs", "examples", ".ci", ".github")
    for path in (ROOT / top).rglob("*")
    if path.suffix in TEXT_SUFFIXES or path == ROOT / ".ci" / "run"
) + sorted(path for path in ROOT.iterdir() if path.suffix in TEXT_SUFFIXES)

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="needs the sources beside the tests")


def relative_name(path):
    return path.relative_to(ROOT).as_posix()


def name_of(path):
    """Name in LAYERS of the module that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].partition(".")[0]


def name_of_module(module, member=None):
    """Name in LAYERS of what `import module` or `from module import member` takes; None if not ours."""
    parts = module.split(".")
    if parts[0] != "fastjac":
        return None
    if len(parts) > 1:
        return parts[1]
    is_module = member is not None and any(name_of(path) == member for path in PACKAGE.iterdir())
    return member if is_module else "__init__"


def absolute_module(path, dots, module):
    """The module that a relative import with so many leading dots names."""
    if not dots:
        return module
    package = ("fastjac", *path.relative_to(PACKAGE).parent.parts)
    return ".".join((*package[: len(package) - dots + 1], *([module] if module else [])))


def python_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name_of_module(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute_module(path, node.level, node.module)
            yield from (name_of_module(module, alias.name) for alias in node.names)


def cython_code(path):
    """The text without docstrings and comments."""
    text = re.sub(r'"""(?:.|\n)*?"""', '""', path.read_text(encoding="utf-8"))
    return re.sub(r"#.*", "", text)


def cython_imports(path):
    code = cython_code(path)
    for match in re.finditer(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+c?import[ \t]+(\([^)]*\)|.*)", code, re.M):
        module = absolute_module(path, len(match[1]), match[2])
        members = re.findall(r"(\w+)(?:\s+as\s+\w+)?\s*(?:,|$)", match[3].strip("()\n "))
        yield from (name_of_module(module, member) for member in members)
    for match in re.finditer(r"^[ \t]*c?import[ \t]+([\w., \t]+)", code, re.M):
        yield from (name_of_module(module.split()[0]) for module in match[1].split(","))
    for match in re.finditer(r"^[ \t]*include[ \t]+[\"']([^\"']+)", code, re.M):
        yield name_of((path.parent / match[1]).resolve())


def imports_of(path):
    found = python_imports(path) if path in PYTHON_SOURCES else cython_imports(path)
    return {name for name in found if name is not None}


@pytest.mark.parametrize("path", PYTHON_SOURCES + CYTHON_SOURCES, ids=relative_name)
def test_imports_go_downwards(path):
    name = name_of(path)
    assert name in LEVEL, f"{name} is new: give it a layer in LAYERS and in docs/architecture.md"
    unknown = imports_of(path) - LEVEL.keys()
    assert not unknown, f"{relative_name(path)} imports {unknown}, which no layer holds"
    upwards = {other for other in imports_of(path) if other != name and LEVEL[other] >= LEVEL[name]}
    assert not upwards, f"{relative_name(path)} is on layer {LEVEL[name]} and imports {upwards}, not below it"


def test_imports_are_found_in_both_languages(tmp_path, monkeypatch):
    """The readers above see every form of import, so that the test before can fail."""
    package = tmp_path / "fastjac"
    (package / "kernels").mkdir(parents=True)
    for name in ("network.py", "_blas.pyx", "planning.py", "kernels/scale.pxi"):
        (package / name).touch()
    monkeypatch.setitem(globals(), "PACKAGE", package)
    python = package / "formats.py"
    python.write_text("import fastjac.network\nfrom . import planning\n"
                      "def f():\n    from fastjac import Network\n")
    assert set(python_imports(python)) == {"network", "planning", "__init__"}
    cython = package / "_engine.pyx"
    cython.write_text('"""\nimport fastjac.render\n"""\nfrom fastjac cimport _blas\ncimport fastjac.network\n'
                      'include "kernels/scale.pxi"\n'
                      "from fastjac.planning import (\n    Plan,  # a\n    Step,\n)\n")
    assert set(cython_imports(cython)) == {"_blas", "network", "kernels", "planning"}


def modules_after(statement):
    program = f"{statement}; import sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in result.stdout.split()}


def test_import_takes_numpy_and_nothing_else():
    added = modules_after("import fastjac") - modules_after("import numpy")
    foreign = {name for name in added - sys.stdlib_module_names if not name.startswith("_cython_")}
    assert foreign == {"fastjac", "cython_runtime"}


def test_scipy_is_loaded_for_the_engine_blas_only():
    program = "import fastjac as fj\nfj.Network([([[1.0]],)], engine={!r}).jacobian([1.0])"
    assert "scipy" not in modules_after(program.format("packed"))
    assert "scipy" in modules_after(program.format("blas"))


@pytest.mark.parametrize("path", CYTHON_SOURCES, ids=relative_name)
def test_directives_stand_in_setup_only(path):
    assert not re.search(r"^\s*#\s*(cython|distutils)\s*:", path.read_text(encoding="utf-8"), re.M)
    assert not re.search(r"@\s*(cython\s*\.\s*)?(boundscheck|wraparound|cdivision)\b", cython_code(path))


@pytest.mark.parametrize("path", CYTHON_SOURCES, ids=relative_name)
def test_deprecated_cython_is_absent(path):
    code = cython_code(path)
    assert not re.search(r"^\s*(IF|ELIF|ELSE|DEF)\b", code, re.M)
    assert not re.search(r"\bc?import\s+\*", code)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.pxd")), ids=relative_name)
def test_pxd_holds_declarations_only(path):
    assert not re.search(r"\binline\b|^\s*return\b|^\s*def\b", cython_code(path), re.M)


@pytest.mark.parametrize("path", TEXT_SOURCES, ids=relative_name)
def test_no_path_of_one_machine(path):
    found = re.search(r"(?<![\w.>}/])/(home|root|Users|work)/\w+", path.read_text(encoding="utf-8"))
    assert not found, f"{relative_name(path)} names {found[0]}, which exists on one machine only"

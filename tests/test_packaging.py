"""The project's own description: metadata, package data, extras, and the commands of the README."""

import ast
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

import fastjac as fj

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fastjac"
README = ROOT / "README.md"
SHIPPED = (".pxd", ".pyi", ".npz")

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="needs the sources beside the tests")

@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def requirement_name(text):
    return re.match(r"[\w.-]+", text)[0].lower()


def test_version_is_one():
    assert fj.__version__ == metadata.version("fastjac")


def test_changelog_names_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(fj.__version__)}\]", changelog, re.M)


def test_run_time_dependencies_are_numpy_and_scipy(project):
    assert sorted(map(requirement_name, project["project"]["dependencies"])) == ["numpy", "scipy"]


def test_every_package_is_listed(project):
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(project["tool"]["setuptools"]["packages"]) == found


def test_every_declaration_and_data_file_is_package_data(project):
    globs = project["tool"]["setuptools"]["package-data"]
    missing = []
    for path in [PACKAGE / "py.typed", *(path for path in PACKAGE.rglob("*") if path.suffix in SHIPPED)]:
        package = ".".join(path.parent.relative_to(ROOT).parts)
        if not path.exists() or not any(fnmatch(path.name, pattern) for pattern in globs.get(package, [])):
            missing.append(path.relative_to(ROOT).as_posix())
    assert not missing


def test_no_generated_c_is_tracked():
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "fastjac"], capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    generated = {path.with_suffix(".c").relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.pyx")}
    assert not generated & set(listing.stdout.split())


def modules_imported_at_the_top(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_test_extra_holds_what_the_tests_import(project):
    # Those in tests/parity skip themselves; what they compare with is in their own requirements.txt.
    tests = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "parity")
    known = set(map(requirement_name, project["project"]["optional-dependencies"]["test"]))
    known |= {"numpy", "scipy", "fastjac", *sys.stdlib_module_names}
    known |= {path.stem for path in tests} | {path.parent.name for path in tests}
    imported = {(name, path.name) for path in tests for name in modules_imported_at_the_top(path)}
    foreign = {(name, path) for name, path in imported if name not in known}
    assert not foreign, "not in the extra `test` of pyproject.toml"


def test_oldest_python_is_the_same_everywhere(project):
    oldest = re.fullmatch(r">=(3\.\d+)", project["project"]["requires-python"])[1]
    assert project["tool"]["mypy"]["python_version"] == oldest
    assert f"Programming Language :: Python :: {oldest}" in project["project"]["classifiers"]


def test_readme_opens_with_two_commands():
    commands = blocks(README.read_text(encoding="utf-8"), "bash")[:2]
    assert len(commands) == 2
    for command in commands:
        assert command.count("\n") == 1, "one line each"
        assert "python3 -m venv" in command, "self-contained: each makes its environment"
        assert "pip install" in command
    assert "-m fastjac" in commands[0]
    assert "-m pytest" in commands[1]


def test_readme_example_runs(capsys):
    (example,) = blocks(README.read_text(encoding="utf-8"), "python")
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["J"].shape == (2, 3)
    assert names["Js"].shape == (1000, 2, 3)


def test_pages_link_to_files_that_exist():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT).as_posix()} -> {target}")
    assert not broken

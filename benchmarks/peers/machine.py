"""The machine, and the versions of what takes part."""

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import fastjac as fj

PACKAGES = ("numpy", "scipy", "numba", "jax", "torch", "casadi")


def pin():
    """Keep the process on the last of its cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def cpu():
    """The CPU's name and family as Linux gives them."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.M))
    if len(fields) < 3:
        return platform.processor() or platform.machine()
    return f"{fields['model name']} (family {fields['cpu family']} model {fields['model']})"


def compiler():
    if shutil.which("gcc") is None:
        return "no gcc"
    return "gcc " + subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()


def describe():
    """{what: text}."""
    found = {"cpu": cpu(), "fastjac": f"fastjac {fj.__version__} SIMD {fj.show_config('dict')['simd']}",
             "python": f"Python {platform.python_version()}", "compiler": compiler()}
    for name in PACKAGES:
        try:
            found[name] = f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return found

"""Install the packages with trained networks, without dependencies, into build/real-networks.

    python tests/real/fetch.py
"""

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
FOLDER = Path(__file__).parents[2] / "build" / "real-networks"


def is_complete():
    """Whether the folder holds every package at its version."""
    pins = [line.strip() for line in REQUIREMENTS.read_text().splitlines() if "==" in line]
    return all((FOLDER / (pin.replace("-", "_").replace("==", "-") + ".dist-info")).is_dir() for pin in pins)


def main():
    if not is_complete():
        subprocess.run([sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile", "--upgrade",
                        "--disable-pip-version-check", "--quiet",
                        "--target", str(FOLDER), "-r", str(REQUIREMENTS)], check=True)
    print(f"real networks: {FOLDER}")


if __name__ == "__main__":
    main()

"""Print the table of docs/accuracy.md: the largest normwise errors of J over the real networks.

    python tests/real/fetch.py
    python tests/accuracy_table.py
"""

import numpy as np
from test_real_networks import NETWORKS, errors, real_case


def figures(name):
    """For float64, then float32: the largest and the median error, then NumPy's two."""
    for dtype in (np.float64, np.float32):
        ours = [errors(name, dtype, order) for order in ("auto", "forward", "reverse")]
        for error in (ours, real_case(name, dtype).numpy_error):
            yield from (np.max(error), np.median(error))


def main():
    rows = {}
    for name in NETWORKS:
        rows.setdefault(name.split()[0], []).append(list(figures(name)))
    print("| package | networks | float64: largest | median | NumPy | median |"
          " float32: largest | median | NumPy | median |")
    print("|---|" + "---|" * 9)
    for package, columns in rows.items():
        print(f"| {package} | {len(columns)} |", " | ".join(f"{x:.1e}" for x in np.max(columns, axis=0)), "|")


if __name__ == "__main__":
    main()

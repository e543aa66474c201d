"""A plate with a hole whose material is a network: Newton's method with its exact tangent, and with others.

    python examples/elasticity/simulate.py                          # convergence with four tangents, and the error
    python examples/elasticity/simulate.py --picture plate.svg      # and the picture
    python examples/elasticity/simulate.py --time                   # 102,400 Gauss points: where the time goes

A quarter of a square plate, 1 mm thick, in plane stress and small strains, held on its axes of symmetry, its upper
edge pulled up; bilinear quadrilaterals with four Gauss points each. At every Gauss point the network gives the stress
(xx, yy, xy) in MPa for the strain (xx, yy and the engineering shear xy), and its Jacobian is the consistent tangent
C = dstress/dstrain.
"""

import argparse
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import hencky
import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
from measuring import medians

RADIUS, SIDE = 10.0, 50.0  # mm: the hole, the quarter
STRETCH = 0.02  # displacement of the upper edge over its height
TOLERANCE = 1e-11  # of the norm of the forces out of balance, relative to the force that pulls


class Plate:
    """Mesh, strain operators and sparsity of a quarter with n x n elements, 4 n^2 Gauss points.

    `nodes` (n_nodes, 2) in mm; `quads` (n_elements, 4), the nodes of an element; `dofs` (n_elements, 8), its
    displacements, x and y of each node; `B` (n_elements, 12, 8) takes them to the strains at its four Gauss points;
    `weight` (n_elements, 12) is the area that each of them stands for.
    """

    def __init__(self, n):
        angle = np.linspace(0, np.pi / 2, n + 1)
        ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        along = np.expm1(2 * np.linspace(0, 1, n + 1))[:, None, None] / np.expm1(2)  # finer towards the hole
        self.nodes = ((1 - along) * RADIUS * ray + along * SIDE * ray / ray.max(axis=1, keepdims=True)).reshape(-1, 2)
        number = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
        self.quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1)
        self.quads = self.quads.reshape(-1, 4)
        self.dofs = (2 * self.quads[:, :, None] + np.arange(2)).reshape(-1, 8)
        self._make_strain_operators()

        x, y = self.nodes.T
        self.edge = 2 * np.flatnonzero(y > (1 - 1e-9) * SIDE) + 1
        held = np.concatenate([2 * np.flatnonzero(x < 1e-9 * SIDE), 2 * np.flatnonzero(y < 1e-9 * SIDE) + 1])
        self.free = np.setdiff1d(np.arange(self.nodes.size), np.concatenate([held, self.edge]))
        self._make_pattern()

    def _make_strain_operators(self):
        xi, eta = np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]])
        at_xi, at_eta = xi[:, None] / np.sqrt(3), eta[:, None] / np.sqrt(3)
        slope = np.stack([xi * (1 + eta * at_eta), eta * (1 + xi * at_xi)], axis=1) / 4  # of the shapes by (xi, eta)
        frame = slope @ self.nodes[self.quads][:, None]
        slope = np.linalg.solve(frame, np.broadcast_to(slope, (len(frame), 4, 2, 4)))  # by (x, y)
        B = np.zeros((len(frame), 4, 3, 8))
        B[:, :, 0, 0::2] = B[:, :, 2, 1::2] = slope[:, :, 0]
        B[:, :, 1, 1::2] = B[:, :, 2, 0::2] = slope[:, :, 1]
        self.B = B.reshape(-1, 12, 8)
        self.weight = np.repeat(np.linalg.det(frame), 3, axis=1)

    def _make_pattern(self):
        """Where the entries of the elements' matrices lie among those of the free block, stored by columns."""
        n = len(self.free)
        place = np.full(self.nodes.size, -1)
        place[self.free] = np.arange(n)
        row, column = np.repeat(place[self.dofs], 8, axis=1).ravel(), np.tile(place[self.dofs], 8).ravel()
        self.inside = (row >= 0) & (column >= 0)
        stored, self.slot = np.unique((column * n + row)[self.inside], return_inverse=True)
        self.rows, self.starts = stored % n, np.searchsorted(stored, n * np.arange(n + 1))

    def strain(self, u):
        """Strains (4 n_elements, 3) of displacements (n_dofs,)."""
        return (self.B @ u[self.dofs][:, :, None]).reshape(-1, 3)

    def forces(self, stress):
        """Forces of the stresses at the nodes, (n_dofs,)."""
        weighted = (stress.reshape(-1, 12) * self.weight)[:, None, :]
        return self.gather(weighted @ self.B)

    def gather(self, vectors):
        """The sum over the elements of their vectors."""
        return np.bincount(self.dofs.ravel(), vectors.ravel(), self.nodes.size)

    def stiffness(self, C):
        """The matrices of the elements (n_elements, 8, 8) for tangents C (4 n_elements, 3, 3)."""
        CB = (C @ self.B.reshape(-1, 3, 8)).reshape(-1, 12, 8) * self.weight[:, :, None]
        return self.B.transpose(0, 2, 1) @ CB

    def free_block(self, K):
        """The assembled matrix of the free displacements."""
        data = np.bincount(self.slot, K.ravel()[self.inside], len(self.rows))
        return csc_array((data, self.rows, self.starts), shape=(len(self.free),) * 2)


# ------------------------------------------------------------------------------- laws: strain -> stress and tangent


def differences(net, step=1e-8):
    """The tangent by forward differences: four values instead of value and Jacobian."""

    def law(strain):
        at = net(strain)
        shifted = net(strain[:, None, :] + step * np.eye(3))
        return at, (shifted - at[:, None, :]).transpose(0, 2, 1) / step

    return law


def symmetrised(net):
    """The symmetric part of the exact tangent."""

    def law(strain):
        stress, C = net.value_and_jacobian(strain)
        return stress, (C + C.transpose(0, 2, 1)) / 2

    return law


def initial(net):
    """The tangent of the unstrained material, everywhere and always."""
    C = net.jacobian(np.zeros(3))
    return lambda strain: (net(strain), np.broadcast_to(C, (len(strain), 3, 3)))


def truth(strain):
    """The law that the network has learned, with its tangent."""
    return hencky.stress(strain), hencky.tangent(strain)


def tangents(net):
    """Laws with the network's stress and different tangents."""
    return {
        "exact": net.value_and_jacobian,
        "differences, step 1e-8": differences(net),
        "differences, step 1e-4": differences(net, 1e-4),
        "symmetrised": symmetrised(net),
        "initial": initial(net),
    }


# ------------------------------------------------------------------------------------------------- Newton's method


class Clock:
    """Seconds spent under each name."""

    def __init__(self):
        self.seconds = {}

    @contextmanager
    def __call__(self, name):
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - start


def pull(plate, law, stretch=STRETCH, n_iterations=100):
    """Newton's method from the plate at rest to that with its edge displaced, in one load.

    Gives the displacements, the norms of the forces out of balance, relative to the force that pulls, and the seconds
    spent. The first iteration moves the edge and takes the rest of the plate along by the tangent at rest.
    """
    clock, u, residuals = Clock(), np.zeros(plate.nodes.size), []
    moved = np.zeros_like(u)
    moved[plate.edge] = stretch * SIDE
    while True:
        with clock("law"):
            stress, C = law(plate.strain(u))
        with clock("assembly"):
            forces = plate.forces(stress)
            if u.any():
                residuals.append(np.linalg.norm(forces[plate.free]) / abs(forces[plate.edge].sum()))
                if residuals[-1] < TOLERANCE or len(residuals) == n_iterations:
                    return u, np.array(residuals), clock.seconds
            K = plate.stiffness(C)
            if not u.any():
                forces += plate.gather(K @ moved[plate.dofs][:, :, None])
                u += moved
            block = plate.free_block(K)
        with clock("solve"):
            u[plate.free] -= splu(block, "MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(forces[plate.free])


# ------------------------------------------------------------------------------------------------------- the report


def compare(net, n=40):
    """The plate with every tangent and with the true law: (u, residuals) by name, and the plate."""
    plate = Plate(n)
    runs = {name: pull(plate, law)[:2] for name, law in {**tangents(net), "true law": truth}.items()}
    return plate, runs


def print_convergence(plate, runs):
    print(f"{len(plate.quads):,} elements, {4 * len(plate.quads):,} Gauss points, {len(plate.free):,} unknowns")
    print("forces out of balance after each iteration, relative to the force that pulls:")
    for name, (_, residuals) in runs.items():
        shown = " ".join(f"{r:.1e}" for r in residuals[:8]) + (" ..." if len(residuals) > 8 else "")
        print(f"  {name:24s} {len(residuals):3d} iterations: {shown}")
    u, true = runs["exact"][0], runs["true law"][0]
    print(f"largest strain {np.abs(plate.strain(u)).max():.3f}; largest error of a displacement, by the true law: "
          f"{np.abs(u - true).max():.1e} mm of {np.abs(true).max():.2f} mm")


def asymmetry(net, strain):
    """The largest |C - C^T| over the largest |C|."""
    C = net.jacobian(strain)
    return np.abs(C - C.transpose(0, 2, 1)).max() / np.abs(C).max()


def print_times(net, n):
    """Seconds of Newton's method by part, and of the law alone and in other libraries."""
    start = time.perf_counter()
    plate = Plate(n)
    print(f"{4 * len(plate.quads):,} Gauss points, {len(plate.free):,} unknowns; "
          f"mesh and pattern, once: {time.perf_counter() - start:.2f} s")
    print("milliseconds per iteration of Newton's method:")
    for name in ("exact", "differences, step 1e-8"):
        u, residuals, seconds = pull(plate, tangents(net)[name])
        parts = ", ".join(f"{part} {1000 * s / len(residuals):.0f}" for part, s in seconds.items())
        print(f"  {name:24s} {len(residuals):3d} iterations: {parts}")
    strain = plate.strain(u)
    laws = {"fastjac": net.value_and_jacobian, "fastjac, stress alone": net, "differences of fastjac": differences(net)}
    laws |= {name: other.value_and_jacobian for name, other in others.available(net).items() if name != "CasADi"}
    print("stress and tangent at all Gauss points, milliseconds, median of alternating calls:")
    for name, seconds in medians({name: partial(law, strain) for name, law in laws.items()}).items():
        print(f"  {name:24s} {1000 * seconds:7.1f}")


def draw(net, plate, runs, path):
    """The stress in the stretched plate, and the convergence, as SVG."""
    from pictures import figure, save

    u = runs["exact"][0]
    stress = net(plate.strain(u))[:, 1].reshape(-1, 4)
    count = np.bincount(plate.quads.ravel())
    at_nodes = np.bincount(plate.quads.ravel(), stress.ravel()) / count
    x, y = (plate.nodes + u.reshape(-1, 2)).T
    triangles = plate.quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)

    picture, (left, right) = figure(10, 4.6, 1, 2, width_ratios=(1.1, 1))
    filled = left.tricontourf(x, y, triangles, at_nodes, levels=np.arange(0, 85, 5), cmap="viridis", extend="both")
    picture.colorbar(filled, label="stress yy, MPa")
    left.set(aspect="equal", xlabel="x, mm", ylabel="y, mm", title="A quarter of the plate, stretched by 2 %")
    for (name, (_, residuals)), marker, size in zip(runs.items(), "osvD^", (10, 5, 5, 5, 5)):  # not the true law
        right.semilogy(np.arange(1, len(residuals) + 1), residuals, marker=marker, markersize=size, label=name)
    right.axhline(TOLERANCE, color="0.6", linewidth=0.8, linestyle="--", label="tolerance", zorder=0)
    right.set(xlim=(0.5, 12.5), ylim=(1e-16, 0.1), xlabel="iteration", ylabel="forces out of balance, relative",
              title="Newton's method by tangent")
    right.legend(loc="center right")
    save(picture, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw the plate and the convergence")
    parser.add_argument("--elements", type=int, default=40, help="along each side (%(default)s)")
    parser.add_argument("--time", action="store_true", help="measure, with 160 elements along each side")
    arguments = parser.parse_args()
    net = fj.from_npz(HERE / "elasticity.npz")
    if arguments.time:
        print_times(net, 160)
        return
    plate, runs = compare(net, arguments.elements)
    print_convergence(plate, runs)
    print(f"asymmetry of the tangent: {asymmetry(net, plate.strain(runs['exact'][0])):.1e} of its largest entry")
    if arguments.picture:
        draw(net, plate, runs, arguments.picture)


if __name__ == "__main__":
    main()

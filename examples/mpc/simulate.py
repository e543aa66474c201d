"""A pole on a cart is swung up and held by a controller that predicts with a network, through CasADi and export_c.

    python examples/mpc/simulate.py                         # the closed loop
    python examples/mpc/simulate.py --picture mpc.svg       # and the picture
    python examples/mpc/simulate.py --time                  # the same controller with the network in other forms

Every 50 ms the controller plans the next two seconds: multiple shooting over 40 samples, of which the network gives
each from the state and the force before. One step of a Gauss-Newton SQP, with CasADi's `sqpmethod`, gives the force.
The network is exported as C, compiled, and loaded by CasADi's `external` with its Jacobian; the real cart is integrated
from its equations of motion.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import casadi as ca
import numpy as np
from cartpole import LENGTH, SAMPLE_TIME, next_state

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

HANGING = np.array([0.0, np.pi, 0.0, 0.0])  # position, angle, velocity, angular velocity
FORCE = 12.0  # N: its limit
COST = np.array([2, 10, 0.1, 0.1, 0.01])  # of the squares of state and force, at every sample
LAST_COST = np.array([20, 100, 1, 1])  # of the state at the end
HORIZON = 40  # samples
ONE_SQP_STEP = {
    "max_iter": 1, "max_iter_ls": 0, "error_on_fail": False,
    "print_header": False, "print_iteration": False, "print_status": False,
    "qpsol": "qrqp", "qpsol_options": {"print_iter": False, "print_header": False},
}


# ------------------------------------------------------------------------------------------- the network in CasADi


def compiled(source):
    """The shared library of a C file."""
    library = source.with_suffix(".so")
    subprocess.run(["gcc", "-std=c99", "-O3", "-march=native", "-fPIC", "-shared", source, "-lm", "-o", library],
                   check=True)
    return str(library)


def exported(net, folder):
    """By export_c, with its Jacobian."""
    net.export_c(folder / "model.c", name="model")
    return ca.external("model", compiled(folder / "model.c"))


def differences(net, folder):
    """By export_c, its value alone: CasADi takes differences."""
    net.export_c(folder / "bare.c", name="bare", functions=("value",))
    return ca.external("bare", compiled(folder / "bare.c"), {"enable_fd": True})


def native(net, kind):
    """As an expression of CasADi: of scalars, ca.SX, or of matrices, ca.MX."""
    x = y = kind.sym("x", net.n_in)
    for layer in net.layers:
        h = ca.mtimes(ca.DM(layer.W.T), y) + ca.DM(layer.b)
        y = ca.tanh(h) if layer.activation == "tanh" else h
    return ca.Function("native", [x], [y])


def generated(net, folder):
    """The expression of scalars and its Jacobian as C that CasADi writes, compiled."""
    expression = native(net, ca.SX)
    generator = ca.CodeGenerator("native.c")
    generator.add(expression)
    generator.add(expression.jacobian())
    generator.generate(f"{folder}/")
    return ca.external("native", compiled(folder / "native.c"))


class Horizon:
    """A function (5,) -> (4,) of CasADi at n samples: `value(Z)` (4, n) and `jacobian(Z)` (4, 5 n), for Z (5, n)."""

    def __init__(self, function, n=HORIZON):
        self.n, self.value = n, function.map(n)
        self._jacobian = function.jacobian().map(n)

    def jacobian(self, Z):
        return self._jacobian(Z, ca.DM(4, self.n))


class TorchHorizon:
    """The same by PyTorch, which CasADi calls back with all samples at once."""

    def __init__(self, net, n=HORIZON):
        import torch

        weights = [(torch.tensor(layer.W), torch.tensor(layer.b)) for layer in net.layers]

        def value(x):
            for W, b in weights[:-1]:
                x = torch.tanh(x @ W + b)
            return x @ weights[-1][0] + weights[-1][1]

        jacobian = torch.func.vmap(torch.func.jacrev(value))
        self.n = n
        self.value = Callback("value", lambda x: value(torch.from_numpy(x)).numpy().T, (5, n), (4, n))
        self.jacobian = Callback(
            "jacobian", lambda x: jacobian(torch.from_numpy(x)).numpy().transpose(1, 0, 2), (5, n), (4, 5 * n))


class Callback(ca.Callback):
    """A function of points in rows as one of CasADi, which has them in columns."""

    def __init__(self, name, function, shape_in, shape_out):
        ca.Callback.__init__(self)
        self.function, self.shape_in, self.shape_out = function, shape_in, shape_out
        self.construct(name, {})

    def get_sparsity_in(self, i):
        return ca.Sparsity.dense(*self.shape_in)

    def get_sparsity_out(self, i):
        return ca.Sparsity.dense(*self.shape_out)

    def eval(self, arguments):
        return [self.function(arguments[0].full().T).reshape(self.shape_out)]


# ------------------------------------------------------------------------------------------------------- the controller


class Controller:
    """Gauss-Newton model predictive control by a `Horizon`: `improve` the plan with a measured state, then `shift` it.

    The unknowns w are the states and forces of all samples, one sample after the other, and the state at the end. The
    cost is a sum of squares, so that its Hessian alone is the Gauss-Newton approximation.
    """

    def __init__(self, horizon, solver="sqp"):
        n = horizon.n
        Z, last = ca.MX.sym("Z", 5, n), ca.MX.sym("last", 4)
        w, nothing = ca.vertcat(ca.vec(Z), last), ca.MX(0, 1)
        stay = ca.vec(Z[:4, :] - ca.horzcat(Z[:4, 1:], last))
        gaps = ca.vec(horizon.value(Z)) + stay
        blocks = ca.diagcat(*ca.horzsplit(horizon.jacobian(Z), 5))
        jacobian = ca.horzcat(blocks, ca.MX(4 * n, 4)) + ca.jacobian(stay, w)
        weights = ca.DM(np.append(np.tile(COST, n), LAST_COST))
        cost, gradient = ca.dot(weights, w**2) / 2, weights * w
        weight, multipliers = ca.MX.sym("weight"), ca.MX.sym("multipliers", 4 * n)
        options = {"print_time": False, "no_nlp_grad": True, "hess_lag": ca.Function(
            "gauss_newton", [w, nothing, weight, multipliers], [weight * ca.diag(weights)])}
        if solver == "sqp":
            options |= ONE_SQP_STEP | {"jac_fg": ca.Function(
                "all_first", [w, nothing], [cost, gradient, gaps, jacobian])}
        else:
            options |= {"ipopt": {"print_level": 0, "sb": "yes", "tol": 1e-4},
                        "grad_f": ca.Function("cost_first", [w, nothing], [cost, gradient]),
                        "jac_g": ca.Function("gaps_first", [w, nothing], [gaps, jacobian])}
        self.solve = ca.nlpsol("controller", "sqpmethod" if solver == "sqp" else solver,
                               {"x": w, "f": cost, "g": gaps}, options)
        self.highest = np.append(np.tile([np.inf] * 4 + [FORCE], n), [np.inf] * 4)
        self.lowest = -self.highest
        self.multipliers = {}
        self.plan = np.zeros(5 * n + 4)
        self.plan[1::5] = np.linspace(np.pi, 0, n + 1)  # the pole turns evenly

    def improve(self, state):
        """One call of the solver from the plan that there is, with the measured state at its start."""
        self.plan[:4] = self.lowest[:4] = self.highest[:4] = state
        found = self.solve(x0=self.plan, lbx=self.lowest, ubx=self.highest, lbg=0, ubg=0, **self.multipliers)
        self.plan = np.array(found["x"])[:, 0]
        self.multipliers = {"lam_x0": found["lam_x"], "lam_g0": found["lam_g"]}

    def shift(self):
        """The plan one sample later, in which the last state stays."""
        last = self.plan[-4:]
        self.plan = np.concatenate([self.plan[5:-4], last, [0.0], last])


def closed_loop(controller, n_samples=80, n_before=15):
    """The motion from the hanging pole, after n_before improvements of the first plan.

    Gives states (n_samples + 1, 4), forces (n_samples,) and seconds (n_samples, 2): what the controller took at each
    sample, and what of it went into the gaps and their Jacobian.
    """
    states, forces, seconds = [HANGING], [], []
    for _ in range(n_before):
        controller.improve(HANGING)
    for _ in range(n_samples):
        start = time.perf_counter()
        controller.improve(states[-1])
        whole = time.perf_counter() - start
        stats = controller.solve.stats()
        seconds.append((whole, sum(stats.get(f"t_wall_nlp_{part}", 0) for part in ("jac_fg", "jac_g", "g"))))
        forces.append(controller.plan[4])
        states.append(next_state(states[-1], forces[-1]))
        controller.shift()
    return np.array(states), np.array(forces), np.array(seconds)


# ----------------------------------------------------------------------------------------------------------- the report


def print_motion(states, forces, every=8):
    print("  time  position     angle  velocity      rate     force")
    for k in range(0, len(forces), every):
        print(f"{SAMPLE_TIME * k:6.2f}" + "".join(f"{number:10.3f}" for number in (*states[k], forces[k])))
    up = SAMPLE_TIME * (1 + np.flatnonzero(np.abs(states[:, 1]) > 0.1).max())
    print(f"within 0.1 rad of upright after {up:.2f} s; largest force {np.abs(forces).max():.3f} N "
          f"(limit {FORCE:g} N), position {np.abs(states[:, 0]).max():.2f} m")


def print_times(net, folder, solver="sqp", n_rounds=5, **options):
    """Milliseconds of a sample of the closed loop with the network in each form, runs of each in turn."""
    horizons = {
        "export_c": Horizon(exported(net, folder)),
        "C written by CasADi": Horizon(generated(net, folder)),
        "export_c, differences": Horizon(differences(net, folder)),
        "CasADi, MX": Horizon(native(net, ca.MX)),
        "CasADi, SX": Horizon(native(net, ca.SX)),
    }
    try:
        horizons["PyTorch, called back"] = TorchHorizon(net)
    except ImportError:
        print("PyTorch: not installed")
    all_seconds = {name: [] for name in horizons}
    for _ in range(n_rounds):
        for name, horizon in horizons.items():
            all_seconds[name].append(closed_loop(Controller(horizon, solver), **options)[2])
    print(f"{solver}: milliseconds of a sample, median over motion and rounds; of the longest, median over rounds")
    print("                          sample   of that, gaps and Jacobian     longest")
    for name, seconds in all_seconds.items():
        whole, model = np.moveaxis(1e3 * np.array(seconds), -1, 0)
        longest = np.median(whole, axis=0).max()
        print(f"  {name:24s}{np.median(whole):8.3f}{np.median(model):16.3f}{longest:24.2f}")


def draw(states, forces, path):
    """The motion, as SVG: cart and pole at some instants, and position, angle and force by time."""
    from pictures import BLUE, GREY, RED, figure, save

    picture, axes = figure(10, 4.4, 3, 2, width_ratios=(1.2, 1), sharex="col")
    for unused in axes[:, 0]:
        unused.remove()
    scene = picture.add_subplot(axes[0, 0].get_gridspec()[:, 0])
    shown = [0, 11, 13, 15, 18, 24, 28, 34, 79]
    for k in shown:
        shade = str(0.85 - 0.85 * k / shown[-1])
        x, angle = states[k, :2]
        mass = x + LENGTH * np.sin(angle), LENGTH * np.cos(angle)
        scene.plot([x, mass[0]], [0, mass[1]], color=shade)
        scene.plot(*mass, "o", color=shade, markersize=8)
        scene.plot(x, 0, "s", color=shade, markersize=11)
        below = mass[1] < 0
        scene.annotate(f"{SAMPLE_TIME * k:.2f} s", mass, xytext=(8, -3) if below else (0, 8), fontsize=8, color=GREY,
                       textcoords="offset points", ha="left" if below else "center")
    scene.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    scene.set(aspect="equal", xlim=(-1.25, 0.6), ylim=(-0.75, 0.75), xlabel="m", ylabel="m", title="Cart and pole")
    time_of_states, time_of_forces = (SAMPLE_TIME * np.arange(len(a)) for a in (states, forces))
    for axis, column, label in ((axes[0, 1], 0, "position, m"), (axes[1, 1], 1, "angle, rad")):
        axis.plot(time_of_states, states[:, column], color=BLUE)
        axis.axhline(0, color=GREY, linewidth=0.8, zorder=0)
        axis.set_ylabel(label)
    axes[2, 1].step(time_of_forces, forces, where="post", color=BLUE)
    for limit in (-FORCE, FORCE):
        axes[2, 1].axhline(limit, color=RED, linewidth=1, linestyle="--")
    axes[0, 1].set_title("Closed loop; dashed: limits of the force")
    axes[2, 1].set(ylabel="force, N", xlabel="time, s")
    save(picture, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw the motion")
    parser.add_argument("--time", action="store_true", help="measure the network in several forms")
    arguments = parser.parse_args()
    net = fj.from_npz(HERE / "mpc.npz")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.time:
            print_times(net, folder)
            print_times(net, folder, "ipopt", n_rounds=3, n_samples=30, n_before=1)
            return
        states, forces, _ = closed_loop(Controller(Horizon(exported(net, folder))))
    print_motion(states, forces)
    if arguments.picture:
        draw(states, forces, arguments.picture)


if __name__ == "__main__":
    main()

"""The networks of the examples by other means, to be timed beside fastjac; what is not installed is left out."""

import importlib.util

import numpy as np
from scipy.special import expit

# Activations and their derivatives by h, for the code by hand.
SLOPES = {
    "tanh": (np.tanh, lambda h, a: 1 - a * a),
    "exp": (np.exp, lambda h, a: a),
    "relu": (lambda h: np.maximum(h, 0), lambda h, a: h > 0),
    "sigmoid": (expit, lambda h, a: a * (1 - a)),
    "silu": (lambda h: h * expit(h), lambda h, a: a + expit(h) * (1 - a)),
}


class Other:
    """Something that is called like a network, at a point or at points in rows."""

    def __init__(self, value, value_and_jacobian):
        self._value, self.value_and_jacobian = value, value_and_jacobian

    def __call__(self, x):
        return self._value(x)

    def select(self, wrt):
        """With the columns `wrt` of J only."""

        def value_and_columns(x):
            y, J = self.value_and_jacobian(x)
            return y, np.array(J[..., wrt])

        return Other(self._value, value_and_columns)

    def of_any_shape(self):
        """At points (..., n_in)."""

        def value_and_jacobian(x):
            y, J = self.value_and_jacobian(x.reshape(-1, x.shape[-1]))
            return y.reshape(*x.shape[:-1], -1), J.reshape(*x.shape[:-1], *J.shape[1:])

        return Other(self._value, value_and_jacobian)


def available(net, leave_out=()):
    """The network by other means, {name: Other}, as far as they are installed and not left out."""
    found = {"NumPy by hand": by_hand(net)}
    for name, module, make in (("JAX, jit", "jax", jax), ("PyTorch", "torch", torch), ("CasADi", "casadi", casadi)):
        if name not in leave_out and importlib.util.find_spec(module):
            found[name] = make(net)
    return found


def finite_differences(net, wrt=None, h=1e-6):
    """Forward differences of the network, all points in one call; columns `wrt` of J."""
    steps = h * np.eye(net.n_in)[slice(None) if wrt is None else wrt]

    def value_and_jacobian(x):
        y = net(np.concatenate([x[..., None, :], x[..., None, :] + steps], axis=-2))
        return y[..., 0, :], np.swapaxes(y[..., 1:, :] - y[..., :1, :], -1, -2) / h

    return Other(net, value_and_jacobian)


def plain(net):
    """[(W, b, name of the activation), ...]; what is subtracted from the inputs first goes into the first b."""
    found = []
    for layer in net.layers:
        b = np.zeros(layer.n_out) if layer.b is None else layer.b
        found.append((layer.W.astype(net.dtype), b.astype(net.dtype), layer.activation))
    if net.center is not None:
        W, b, name = found[0]
        found[0] = W, b - net.center @ W, name
    return found


def prefers_reverse(net):
    """Whether J is cheaper from the outputs backwards, for those that do it either forwards or backwards."""
    return 2 * net.n_out < net.n_in


def by_hand(net):
    """NumPy: the value, then the derivative by each input forwards, or that of each output backwards."""
    layers = [(W, b, *SLOPES.get(name, (None, None))) for W, b, name in plain(net)]

    def value(x):
        for W, b, f, _ in layers:
            x = x @ W + b
            x = x if f is None else f(x)
        return x

    def value_and_jacobian(x):
        factors = []
        for W, b, f, slope in layers:
            h = x @ W + b
            x = h if f is None else f(h)
            factors.append((W, None if f is None else slope(h, x)[..., None, :]))
        if prefers_reverse(net):
            J = np.eye(net.n_out)
            for W, d in reversed(factors):
                J = (J if d is None else J * d) @ W.T
            return x, J
        T = None
        for W, d in factors:
            T = W if T is None else T @ W
            T = T if d is None else T * d
        return x, np.swapaxes(T, -1, -2)

    return Other(value, value_and_jacobian)


def jax(net):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    functions = {"tanh": jnp.tanh, "exp": jnp.exp, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid,
                 "silu": jax.nn.silu, "identity": lambda h: h}
    weights = [(jnp.asarray(W), jnp.asarray(b), functions[name]) for W, b, name in plain(net)]

    def value(x):
        for W, b, f in weights:
            x = f(x @ W + b)
        return x

    def twice(x):
        y = value(x)
        return y, y

    point = (jax.jacrev if prefers_reverse(net) else jax.jacfwd)(twice, has_aux=True)
    compiled = {1: jax.jit(point), 2: jax.jit(jax.vmap(point))}
    compiled_value = jax.jit(value)

    def value_and_jacobian(x):
        J, y = compiled[x.ndim](x)
        return np.asarray(y), np.asarray(J)

    return Other(lambda x: np.asarray(compiled_value(x)), value_and_jacobian)


def torch(net):
    import torch

    torch.set_num_threads(1)
    functions = {"tanh": torch.tanh, "exp": torch.exp, "relu": torch.relu, "sigmoid": torch.sigmoid,
                 "silu": torch.nn.functional.silu, "identity": lambda h: h}
    weights = [(torch.tensor(W), torch.tensor(b), functions[name]) for W, b, name in plain(net)]

    def value(x):
        for W, b, f in weights:
            x = f(x @ W + b)
        return x

    def twice(x):
        y = value(x)
        return y, y

    point = (torch.func.jacrev if prefers_reverse(net) else torch.func.jacfwd)(twice, has_aux=True)
    calls = {1: point, 2: torch.func.vmap(point)}

    def plain_value(x):
        with torch.no_grad():
            return value(torch.from_numpy(x)).numpy()

    def value_and_jacobian(x):
        J, y = calls[x.ndim](torch.from_numpy(x))
        return y.detach().numpy(), J.detach().numpy()

    return Other(plain_value, value_and_jacobian)


def casadi_value(net, x):
    """The network's value as an expression of CasADi's x."""
    import casadi

    functions = {"tanh": casadi.tanh, "exp": casadi.exp, "identity": lambda h: h}
    functions["silu"] = lambda h: h / (1 + casadi.exp(-h))
    for W, b, name in plain(net):
        x = functions[name](casadi.DM(W).T @ x + casadi.DM(b))
    return x


def casadi(net):
    """One point at a time, in CasADi's virtual machine."""
    import casadi

    x = casadi.SX.sym("x", net.n_in)
    y = casadi_value(net, x)
    value = casadi.Function("value", [x], [y])
    both = casadi.Function("both", [x], [y, casadi.jacobian(y, x)])

    def value_and_jacobian(x):
        y, J = both(x)
        return y.full()[:, 0], J.full()

    return Other(lambda x: value(x).full()[:, 0], value_and_jacobian)

"""JAX on the CPU as a contender: the whole step, gradients and optimizer, is one jitted function, whose old parameters give
their memory to the new ones. It uses all cores.

    python3 jax_cpu.py
"""
import os
import time

import jax
import jax.numpy as jnp
import numpy as np

from contender_data import read_batch, read_weights
from jax_zoo import make_network
from serve import serve, vitals, warm_up

jax.config.update("jax_platforms", "cpu")

WEIGHT_DECAY = 0.01
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def sgd(lr):
    """The initial state of an optimizer, and its update of all parameters."""

    def update(parameters, state, gradients):
        return [p - lr * g for p, g in zip(parameters, gradients)], state

    return lambda parameters: (), update


def adam(lr, decay=0.0):
    def start(parameters):
        zeros = [jnp.zeros_like(p) for p in parameters]
        return jnp.float32(0), zeros, [jnp.zeros_like(p) for p in parameters]

    def update(parameters, state, gradients):
        t, first, second = state
        t = t + 1
        first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(first, gradients)]
        second = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(second, gradients)]
        rate, correction = lr / (1 - BETA1**t), jnp.sqrt(1 - BETA2**t)
        parameters = [
            (1 - lr * decay) * p - rate * m / (jnp.sqrt(v) / correction + EPSILON)
            for p, m, v in zip(parameters, first, second)
        ]
        return parameters, (t, first, second)

    return start, update


OPTIMIZERS = {"SGD": sgd, "Adam": adam, "AdamW": lambda lr: adam(lr, WEIGHT_DECAY)}


def cross_entropy(logits, labels):
    """The mean over the rows."""
    own = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -own.mean()


class Jax:
    def prepare(self, command):
        model, folder = command["model"], command["folder"]
        weights = np.asarray(read_weights(folder))
        parameters, forward, input_shape = make_network(model["network"], weights)
        start, update = OPTIMIZERS[model["optimizer"]["kind"]](model["optimizer"]["lr"])

        def step(parameters, state, x, y):
            loss, gradients = jax.value_and_grad(lambda p: cross_entropy(forward(p, x), y))(parameters)
            return *update(parameters, state, gradients), loss

        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.batches = []
        for i in range(model["batches"]):
            (x, _), (y, _) = read_batch(folder, model, i, 0, model["batch"])
            self.batches.append((jnp.asarray(np.asarray(x).reshape(input_shape)), jnp.asarray(np.asarray(y))))
        self.current = (parameters, start(parameters))
        self.next = 0
        losses = [self._step(0).item() for _ in range(command["checkSteps"])]
        return {
            "parameters": sum(p.size for p in self.current[0]),
            "losses": losses,
            "msPerStep": warm_up(self.run) * 1000,
            "version": f"JAX {jax.__version__}, {jax.default_backend()}, {len(os.sched_getaffinity(0))} cores",
        }

    def _step(self, index):
        """One step on one batch; its loss, before the update."""
        *self.current, loss = self.step(*self.current, *self.batches[index])
        return loss

    def run(self, steps):
        """Seconds that `steps` steps take."""
        jax.block_until_ready(self.current)
        started = time.perf_counter()
        for _ in range(steps):
            self._step(self.next)
            self.next = (self.next + 1) % len(self.batches)
        jax.block_until_ready(self.current)
        return time.perf_counter() - started

    def vitals(self):
        return vitals()


if __name__ == "__main__":
    serve(Jax())

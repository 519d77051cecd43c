"""PyTorch: tensors in memory, rows taken by index, no DataLoader; eager, and with the step compiled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import log

import numpy as np
import torch

from benchmarks.peers.common import fastest, interleaved
from benchmarks.works import ADAM, Problem

ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "exponential": torch.exp,
    "identity": lambda z: z,
}
THREADS = sorted({1, torch.get_num_threads()})


class Eager:
    """Autograd and an optimizer of torch.optim; threads and the optimizer's form are tuned."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.X, self.y = (torch.from_numpy(array) for array in problem.arrays)
        self.activations = [ACTIVATIONS[name] for name in problem.work.activations]
        self.W = [torch.tensor(W) for W in problem.weights]
        self.b = [torch.tensor(b) for b in problem.biases]
        self.orders = [
            [None if isinstance(rows, slice) else torch.from_numpy(rows) for rows in order]
            for order in problem.orders
        ]
        self.build()

    def build(self) -> None:
        for parameter in (*self.W, *self.b):
            parameter.requires_grad_()
        self.use((torch.get_num_threads(), False))

    def use(self, setting: tuple[int, bool]) -> None:
        threads, fused = setting
        torch.set_num_threads(threads)
        parameters, rate = [*self.W, *self.b], self.problem.learning_rate
        if self.problem.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(parameters, rate, fused=fused)
        else:
            betas = ADAM["beta_1"], ADAM["beta_2"]
            self.optimizer = torch.optim.Adam(parameters, rate, betas, ADAM["epsilon"], fused=fused)

    def tune(self) -> str:
        threads, fused = fastest(product(THREADS, (False, True)), self.use, self.train)
        return f"threads={threads}, fused={fused}"

    def step(self, rows: torch.Tensor | None) -> None:
        self.optimizer.zero_grad()
        X, y = self.take(rows)
        loss_of(self.activations, self.W, self.b, X, y).backward()
        self.optimizer.step()

    def take(self, rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        if rows is None:
            return self.X, self.y
        return self.X.index_select(0, rows), self.y.index_select(0, rows)

    def train(self, epochs: int) -> None:
        for epoch in range(epochs):
            for rows in self.orders[epoch % len(self.orders)]:
                self.step(rows)

    def parameters(self) -> list[np.ndarray]:
        return interleaved(*([p.detach().numpy() for p in kind] for kind in (self.W, self.b)))


class Compiled(Eager):
    """One compiled function per step: rows, loss, gradient and update in one graph; threads are tuned."""

    def build(self) -> None:
        self.memory = [torch.zeros_like(p) for _ in range(2) for p in (*self.W, *self.b)]
        self.t = torch.zeros(())
        self.compiled = torch.compile(self.whole_step, fullgraph=True, dynamic=False)

    def tune(self) -> str:
        return f"threads={fastest(THREADS, torch.set_num_threads, self.train)}"

    def step(self, rows: torch.Tensor | None) -> None:
        self.compiled(self.W, self.b, self.memory, self.t, rows)

    def whole_step(
        self,
        W: list[torch.Tensor],
        b: list[torch.Tensor],
        memory: list[torch.Tensor],
        t: torch.Tensor,
        rows: torch.Tensor | None,
    ) -> None:
        X, y = self.take(rows)
        dW, db = torch.func.grad(lambda both: loss_of(self.activations, *both, X, y))((W, b))
        if self.problem.optimizer == "sgd":
            for parameter, gradient in zip([*W, *b], [*dW, *db], strict=True):
                parameter.sub_(self.problem.learning_rate * gradient)
        else:
            adam_step([*W, *b], [*dW, *db], memory, t, self.problem.learning_rate)


def loss_of(
    activations: Sequence, W: list[torch.Tensor], b: list[torch.Tensor], a: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Return the mean squared error of the network's outputs."""
    for layer, activation in enumerate(activations):
        a = activation(torch.addmm(b[layer], a, W[layer]) if b else a @ W[layer])
    return torch.nn.functional.mse_loss(a, y)


def adam_step(
    parameters: list[torch.Tensor],
    gradients: list[torch.Tensor],
    memory: list[torch.Tensor],
    t: torch.Tensor,
    rate: float,
) -> None:
    """Change parameters, m, v and t as a step of Adam does."""
    beta_1, beta_2, epsilon = ADAM["beta_1"], ADAM["beta_2"], ADAM["epsilon"]
    t.add_(1)
    m_scale, v_scale = (-1 / torch.expm1(t * log(beta)) for beta in (beta_1, beta_2))  # 1 / (1 - βᵗ)
    n = len(parameters)
    for parameter, g, m, v in zip(parameters, gradients, memory[:n], memory[n:], strict=True):
        m.mul_(beta_1).add_((1 - beta_1) * g)
        v.mul_(beta_2).add_((1 - beta_2) * g * g)
        parameter.sub_(rate * (m * m_scale) / (torch.sqrt(v * v_scale) + epsilon))

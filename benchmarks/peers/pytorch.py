"""PyTorch: tensors in memory, rows taken by index, no DataLoader; eager, and with the step compiled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import log
from typing import Any

import numpy as np
import torch

from benchmarks.peers.common import fastest, interleaved
from benchmarks.works import Problem
from deltarule.core.optimizers import SGD, AdamW, RMSProp

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
        self.optimizer = optimizer_of(self.problem.method, [*self.W, *self.b], fused)

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
        update(self.problem.method, [*W, *b], [*dW, *db], memory, t)


def loss_of(
    activations: Sequence, W: list[torch.Tensor], b: list[torch.Tensor], a: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Return the mean squared error of the network's outputs."""
    for layer, activation in enumerate(activations):
        a = activation(torch.addmm(b[layer], a, W[layer]) if b else a @ W[layer])
    return torch.nn.functional.mse_loss(a, y)


def optimizer_of(method: Any, parameters: list[torch.Tensor], fused: bool) -> torch.optim.Optimizer:
    """Return the same optimizer of torch.optim; RMSprop has no fused form, but one over lists of tensors."""
    rate = method.learning_rate
    if isinstance(method, SGD):
        settings = {"momentum": method.momentum, "nesterov": method.nesterov}
        return torch.optim.SGD(parameters, rate, **settings, fused=fused)
    if isinstance(method, RMSProp):
        return torch.optim.RMSprop(parameters, rate, method.rho, method.epsilon, foreach=fused)
    betas = method.beta_1, method.beta_2
    if isinstance(method, AdamW):
        return torch.optim.AdamW(parameters, rate, betas, method.epsilon, method.weight_decay, fused=fused)
    return torch.optim.Adam(parameters, rate, betas, method.epsilon, fused=fused)


def update(
    method: Any,
    parameters: list[torch.Tensor],
    gradients: list[torch.Tensor],
    memory: list[torch.Tensor],
    t: torch.Tensor,
) -> None:
    """Change parameters, their memory and t as a step of the optimizer does."""
    n, rate = len(parameters), method.learning_rate
    t.add_(1)
    for p, g, m, v in zip(parameters, gradients, memory[:n], memory[n:], strict=True):
        if isinstance(method, SGD) and not method.momentum:
            p.sub_(rate * g)
        elif isinstance(method, SGD):
            v.mul_(method.momentum).sub_(rate * g)
            p.add_(method.momentum * v - rate * g if method.nesterov else v)
        elif isinstance(method, RMSProp):
            v.mul_(method.rho).add_((1 - method.rho) * g * g)
            p.sub_(rate * g / (torch.sqrt(v) + method.epsilon))
        else:
            adam_step(method, p, g, m, v, t)


def adam_step(
    method: Any, p: torch.Tensor, g: torch.Tensor, m: torch.Tensor, v: torch.Tensor, t: torch.Tensor
) -> None:
    """Change a parameter, m and v as Adam and AdamW do."""
    rate, beta_1, beta_2 = method.learning_rate, method.beta_1, method.beta_2
    m_scale, v_scale = (-1 / torch.expm1(t * log(beta)) for beta in (beta_1, beta_2))  # 1 / (1 - βᵗ)
    m.mul_(beta_1).add_((1 - beta_1) * g)
    v.mul_(beta_2).add_((1 - beta_2) * g * g)
    if isinstance(method, AdamW):
        p.mul_(1 - rate * method.weight_decay)
    p.sub_(rate * (m * m_scale) / (torch.sqrt(v * v_scale) + method.epsilon))

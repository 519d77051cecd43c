"""Activations: φ(z), its slope φ′(z), and how a gradient is pulled back through it.

One record each; to add one, add a value, a slope and a record here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any, SupportsIndex, TypeAlias, cast

import numpy as np
from scipy.special import expit, ndtr, softmax

from deltarule.core.arrays import NON_NEGATIVE, OPEN_UNIT, POSITIVE, REALS, Array, Interval
from deltarule.errors import InputError
from deltarule.registry import Registry

Value: TypeAlias = Callable[[Array], Array]
Slope: TypeAlias = Callable[[Array, Array], Array]
PullBack: TypeAlias = Callable[[Array, Array, Array], Array]

LEAK = 0.01
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation φ and its derivative.

    Arguments:
        name: the name under which networks, files and the command line know it.
        value: φ, from z (n, o) to a (n, o).
        slope: φ′ for an elementwise φ, from z and a = φ(z), both (n, o), to (n, o); it may use
            whichever of the two is cheaper.
        pull_back: ∂ℓ/∂z from z, a and d_a = ∂ℓ/∂a; needed only where an output depends on
            several z (softmax). Left out, it is d_a ⊙ slope.
        formula: φ as LaTeX.
        slope_formula: φ′ as LaTeX.
        range: the values that φ takes on.
        kinks: the z at which the slope jumps.

    Raises:
        InputError: not exactly one of slope and pull_back is given.

    >>> cube = Activation("cube", value=lambda z: z**3, slope=lambda z, a: 3 * z**2)
    >>> cube.derivative(np.array([2.0]), np.array([8.0]), np.array([1.0]))
    array([12.])
    """

    name: str
    value: Value
    slope: Slope | None = None
    pull_back: PullBack | None = None
    formula: str = ""
    slope_formula: str = ""
    range: Interval = REALS
    kinks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (self.slope is None) == (self.pull_back is None):
            raise InputError(
                f"The activation {self.name!r} needs a slope(z, a) or a pull_back(z, a, d_a), one of the two."
            )

    def __deepcopy__(self, memo: object) -> Activation:
        """A record is never changed, and losses know their pairs by the record itself."""
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A registered record is pickled by name, so that it arrives as the same record."""
        if ACTIVATIONS.get(self.name) is self:
            return _registered, (self.name,)
        return super().__reduce_ex__(protocol)

    def derivative(self, z: Array, a: Array, d_a: Array) -> Array:
        """Return ∂ℓ/∂z, given d_a = ∂ℓ/∂a; all arrays are (n, o)."""
        if self.slope is None:
            return cast(PullBack, self.pull_back)(z, a, d_a)
        return d_a * self.slope(z, a)


def _identity(z: Array) -> Array:
    return z.copy()


def _identity_slope(z: Array, a: Array) -> Array:
    return np.ones_like(z)


def _sigmoid(z: Array) -> Array:
    return np.asarray(expit(z))


def _sigmoid_slope(z: Array, a: Array) -> Array:
    return a * (1.0 - a)


def _tanh(z: Array) -> Array:
    return np.tanh(z)


def _tanh_slope(z: Array, a: Array) -> Array:
    return 1.0 - a * a


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _relu_slope(z: Array, a: Array) -> Array:
    return (z > 0.0).astype(z.dtype)


def _leaky_relu(z: Array) -> Array:
    return np.maximum(z, LEAK * z)


def _leaky_relu_slope(z: Array, a: Array) -> Array:
    return np.where(z > 0.0, 1.0, LEAK).astype(z.dtype)


def _elu(z: Array) -> Array:
    return np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0)))


def _elu_slope(z: Array, a: Array) -> Array:
    return np.where(z > 0.0, 1.0, a + 1.0).astype(z.dtype)


def _selu(z: Array) -> Array:
    return SELU_SCALE * np.where(z > 0.0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0)))


def _selu_slope(z: Array, a: Array) -> Array:
    return np.where(z > 0.0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA).astype(z.dtype)


def _gelu(z: Array) -> Array:
    return z * ndtr(z)


def _gelu_slope(z: Array, a: Array) -> Array:
    return ndtr(z) + z * np.exp(-0.5 * z * z) / sqrt(2.0 * pi)


def _silu(z: Array) -> Array:
    return z * expit(z)


def _silu_slope(z: Array, a: Array) -> Array:
    s = expit(z)
    return s + a * (1.0 - s)


def _mish(z: Array) -> Array:
    return z * np.tanh(_softplus(z))


def _mish_slope(z: Array, a: Array) -> Array:
    t = np.tanh(_softplus(z))
    return t + z * expit(z) * (1.0 - t * t)


def _softplus(z: Array) -> Array:
    return np.logaddexp(z, 0.0)


def _softplus_slope(z: Array, a: Array) -> Array:
    return np.asarray(expit(z))


def _exponential(z: Array) -> Array:
    with np.errstate(over="ignore"):  # it becomes inf silently; the divergence guard of training sees it
        return np.exp(z)


def _exponential_slope(z: Array, a: Array) -> Array:
    return a


def _softmax(z: Array) -> Array:
    return np.asarray(softmax(z, axis=-1))


def _softmax_pull_back(z: Array, a: Array, d_a: Array) -> Array:
    return a * (d_a - np.sum(a * d_a, axis=-1, keepdims=True))


ACTIVATIONS: Registry[Activation] = Registry("activation", Activation)
"""The activations that are known, by name."""


def _registered(name: str) -> Activation:
    return ACTIVATIONS.find(name)


IDENTITY = ACTIVATIONS.register(
    Activation("identity", _identity, _identity_slope, formula=r"z", slope_formula=r"1"), "linear"
)
SIGMOID = ACTIVATIONS.register(
    Activation(
        "sigmoid",
        _sigmoid,
        _sigmoid_slope,
        formula=r"\frac{1}{1 + e^{-z}}",
        slope_formula=r"a (1 - a)",
        range=OPEN_UNIT,
    ),
    "logistic",
)
TANH = ACTIVATIONS.register(
    Activation(
        "tanh",
        _tanh,
        _tanh_slope,
        formula=r"\frac{e^{z} - e^{-z}}{e^{z} + e^{-z}}",
        slope_formula=r"1 - a^2",
        range=Interval(-1.0, 1.0),
    )
)
RELU = ACTIVATIONS.register(
    Activation(
        "relu",
        _relu,
        _relu_slope,
        formula=r"\max(0, z)",
        slope_formula=r"[z > 0]",
        range=NON_NEGATIVE,
        kinks=(0.0,),
    )
)
LEAKY_RELU = ACTIVATIONS.register(
    Activation(
        "leaky_relu",
        _leaky_relu,
        _leaky_relu_slope,
        formula=r"\max(0.01 z, z)",
        slope_formula=r"[z > 0] + 0.01\,[z \le 0]",
        kinks=(0.0,),
    )
)
ELU = ACTIVATIONS.register(
    Activation(
        "elu",
        _elu,
        _elu_slope,
        formula=r"z\,[z > 0] + (e^{z} - 1)\,[z \le 0]",
        slope_formula=r"[z > 0] + e^{z}\,[z \le 0]",
        range=Interval(low=-1.0),
    )
)
SELU = ACTIVATIONS.register(
    Activation(
        "selu",
        _selu,
        _selu_slope,
        formula=r"\lambda \left( z\,[z > 0] + \alpha (e^{z} - 1)\,[z \le 0] \right),\ "
        r"\lambda \approx 1.0507,\ \alpha \approx 1.6733",
        slope_formula=r"\lambda \left( [z > 0] + \alpha e^{z}\,[z \le 0] \right)",
        range=Interval(low=-SELU_SCALE * SELU_ALPHA),
        kinks=(0.0,),
    )
)
GELU = ACTIVATIONS.register(
    Activation(
        "gelu",
        _gelu,
        _gelu_slope,
        formula=r"z\,\Phi(z),\ \Phi(z) = \tfrac{1}{2} \left( 1 + \operatorname{erf}(z / \sqrt{2}) \right)",
        slope_formula=r"\Phi(z) + \frac{z}{\sqrt{2 \pi}} e^{-z^2 / 2}",
        range=Interval(low=-0.17),
    )
)
SILU = ACTIVATIONS.register(
    Activation(
        "silu",
        _silu,
        _silu_slope,
        formula=r"z\,\sigma(z),\ \sigma(z) = \frac{1}{1 + e^{-z}}",
        slope_formula=r"\sigma(z) + a (1 - \sigma(z))",
        range=Interval(low=-0.279),
    ),
    "swish",
)
MISH = ACTIVATIONS.register(
    Activation(
        "mish",
        _mish,
        _mish_slope,
        formula=r"z \tanh\left( \ln(1 + e^{z}) \right)",
        slope_formula=r"t + z\,\sigma(z) (1 - t^2),\ t = \tanh\left( \ln(1 + e^{z}) \right)",
        range=Interval(low=-0.309),
    )
)
SOFTPLUS = ACTIVATIONS.register(
    Activation(
        "softplus",
        _softplus,
        _softplus_slope,
        formula=r"\ln(1 + e^{z})",
        slope_formula=r"\frac{1}{1 + e^{-z}}",
        range=POSITIVE,
    )
)
EXPONENTIAL = ACTIVATIONS.register(
    Activation(
        "exponential",
        _exponential,
        _exponential_slope,
        formula=r"e^{z}",
        slope_formula=r"a",
        range=POSITIVE,
    ),
    "exp",
)
SOFTMAX = ACTIVATIONS.register(
    Activation(
        "softmax",
        _softmax,
        pull_back=_softmax_pull_back,
        formula=r"\frac{e^{z_k}}{\sum_j e^{z_j}}",
        slope_formula=r"\frac{\partial a_j}{\partial z_k} = a_j ([j = k] - a_k)",
        range=OPEN_UNIT,
    )
)

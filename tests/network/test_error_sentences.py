"""Every refusal at the border, as a sentence: what was asked, what was found, what is allowed or to try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

import deltarule as dr

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X @ [1.0, 2.0, 3.0]
NAN = float("nan")
ACTIVATION_NAMES = "identity, sigmoid, tanh, relu"


def net(**settings: Any) -> dr.Network:
    return dr.Network([3, 2, 1], ["tanh", "identity"], **settings)


def train(**settings: Any) -> Any:
    x, y = settings.pop("X", X), settings.pop("y", Y)
    return net().train(x, y, **{"epochs": 2, **settings})


def predict(values: Any, **settings: Any) -> Any:
    return net(**settings).predict(values)


def assign(name: str, value: Any, layer: Any = None, **settings: Any) -> None:
    made = net(**settings)
    if layer is None:
        setattr(made, name, value)
    else:
        getattr(made, name)[layer] = value


def classifier(output: str, loss: str, y: Any, **settings: Any) -> Any:
    return dr.Network([3, 2], [output]).train(X, y, loss=loss, epochs=1, **settings)


SENTENCES: list[tuple[Callable[[], Any], str]] = [
    # L-BFGS
    (
        lambda: train(optimizer="lbfgs", batch_size=4),
        "`batch_size` must be left out with L-BFGS, which uses all rows in every step; got 4.",
    ),
    (
        lambda: train(optimizer="lbfgs", batches=[[0, 1], [2]]),
        "`batches` must be left out with L-BFGS, which uses all rows in every step; got some.",
    ),
    (
        lambda: train(optimizer="lbfgs", clip_norm=1.0),
        "`clip_norm` must be left out with L-BFGS, which needs the gradient as it is; got 1.0. "
        "Its line search shortens steps.",
    ),
    (
        lambda: dr.show_step(net(), X, Y, optimizer="lbfgs"),
        "`optimizer` must be a rule that makes a step from one gradient; got lbfgs. "
        'Allowed: sgd, rmsprop, adam, adamw. Try "sgd".',
    ),
    (
        lambda: dr.step_through(net(), X, Y, optimizer=dr.LBFGS(), batch_size=1),
        "`optimizer` must be a rule that makes a step from one gradient; got lbfgs. "
        'Allowed: sgd, rmsprop, adam, adamw. Try "sgd".',
    ),
    (
        lambda: dr.TableModel.train({"x": X[:, 0], "y": Y}, target="y", optimizer="lbfgs", learning_rate=0.1),
        "`learning_rate` must be left out with L-BFGS, whose line search finds the length of each step; "
        "got 0.1.",
    ),
    # Network
    (lambda: dr.Network(5, ["tanh"]), "`widths` must be a list; got 5."),
    (
        lambda: dr.Network([3], []),
        "`widths` must hold the number of inputs, * outputs; got [3]. Try [3, 2, 1].",
    ),
    (lambda: dr.Network([3, 0, 1], ["tanh"] * 2), "`widths[1]` must be at least 1; got 0."),
    (lambda: dr.Network([3.0, 1], ["tanh"]), "`widths[0]` must be a whole number, at least 1; got 3.0."),
    (lambda: dr.Network([True, 1], ["tanh"]), "`widths[0]` must be a whole number, at least 1; got True."),
    (
        lambda: dr.Network([3, 2, 1], "tanh"),
        "`activations` must be a list with one entry per layer after the input, 2; got 'tanh'. "
        "Try ['tanh', 'identity'].",
    ),
    (
        lambda: dr.Network([3, 2, 1], ["tanh"]),
        "`activations` must be a list with one entry per layer*got ['tanh']*",
    ),
    (lambda: dr.Network([3, 1], None), "`activations` must be a list; got None."),
    (
        lambda: dr.Network([3, 1], ["rleu"]),
        f"`activation` must be one of {ACTIVATION_NAMES}*; got 'rleu'. Did you mean 'relu'?",
    ),
    (
        lambda: dr.Network([3, 1], [np.tanh]),
        f"`activation` must be a name or a record; got *Allowed: {ACTIVATION_NAMES}*",
    ),
    (
        lambda: dr.Network([3, 1], [None]),
        "`activation` must be a name or a record; got None. Allowed: identity*",
    ),
    (
        lambda: dr.Activation("both", np.tanh, np.tanh, np.tanh),
        "*'both' needs a slope(z, a) or a pull_back*one of the two*",
    ),
    (lambda: net(bias="no"), "`bias` must be True or False; got 'no'."),
    (
        lambda: net(initializer="glorot"),
        "`initializer` must be one of zeros*got 'glorot'. Did you mean 'glorot_*'?",
    ),
    (
        lambda: net(initializer=dr.Uniform),
        "`initializer` must be a name or a record; got *Allowed: zeros*Try Uniform(...).",
    ),
    (
        lambda: net(dtype="float16"),
        "`dtype` must be one of float32, float64; got 'float16'. Did you mean 'float64'?",
    ),
    (lambda: net(dtype=np.float32), "`dtype` must be one of float32, float64; got <class 'numpy.float32'>."),
    (lambda: net().astype("int"), "`dtype` must be one of float32, float64; got 'int'."),
    (lambda: net(seed=-1), "`seed` must be at least 0; got -1."),
    (lambda: net(seed=1.0), "`seed` must be a whole number, at least 0; got 1.0."),
    # parameters
    (lambda: assign("theta", [1]), "`theta` must have shape (11,); got shape (1,)."),
    (lambda: assign("theta", [NAN] * 11), "`theta` must be finite; got nan in *"),
    (lambda: assign("theta", "abc"), "`theta` must hold numbers; got *"),
    (lambda: assign("weights", 5), "`weights` must have one entry per layer, 2; got 5."),
    (lambda: assign("weights", [1]), "`weights` must have one entry per layer, 2; got 1."),
    (lambda: assign("weights", [[1]], 0), "`weights[0]` must have shape (3, 2); got shape (1, 1)."),
    (lambda: assign("weights", "a", 1), "`weights[1]` must hold numbers; got *"),
    (lambda: assign("weights", np.full((3, 2), np.inf), 0), "`weights[0]` must be finite; got inf or NaN."),
    (
        lambda: assign("weights", np.full((3, 2), 1e99), 0, dtype="float32"),
        "`weights[0]` must be finite; got inf*",
    ),
    (
        lambda: assign("weights", [1], slice(0, 1)),
        "`weights` can be set one layer at a time; got *Try net.weights = *",
    ),
    (
        lambda: assign("biases", [1, 1], 0, bias=False),
        "`biases[0]` cannot be set: the network has no biases. Create it with bias=True.",
    ),
    # X
    (
        lambda: predict(X[0]),
        "`X` must have shape (n, 3), one row per sample; got shape (3,). *try X[np.newaxis, :].",
    ),
    (lambda: predict(X[:, :2]), "`X` must have shape (n, 3), one row per sample; got shape (20, 2)."),
    (lambda: predict(3), "`X` must have shape (n, 3), one row per sample; got shape ()."),
    (
        lambda: predict([["a", "b", "c"]]),
        "`X` must hold numbers; got *'a'*. For tables with text columns see dr.TableModel.",
    ),
    (lambda: predict([[1, 2, 3], [1, 2]]), "`X` must hold numbers; got *inhomogeneous*"),
    (lambda: predict([[10**400, 1, 1]]), "`X` must hold numbers; got int too large*"),
    (lambda: predict(X + 1j), "`X` must hold numbers; got values of dtype complex128.*"),
    (
        lambda: predict(np.zeros((2, 3), "M8[D]")),
        "`X` must hold numbers; got values of dtype datetime64[D].*",
    ),
    (
        lambda: predict(np.zeros((2, 3), "m8[D]")),
        "`X` must hold numbers; got values of dtype timedelta64[D].*",
    ),
    (
        lambda: predict(np.ma.masked_array(X, mask=X > 0)),
        "`X` must hold numbers; got masked entries. Remove or replace such rows first.",
    ),
    (lambda: predict(sparse.csr_array(X)), "`X` must be dense; got a sparse matrix. Try .toarray()."),
    (
        lambda: predict(np.where(X[4, 2] == X, NAN, X)),
        "`X` must be finite; got nan in row 4, column 2. Remove or replace*",
    ),
    (
        lambda: predict(X * 1e300, dtype="float32"),
        '`X` must be finite; got *inf in row 0*need dtype="float64".)',
    ),
    (
        lambda: predict(pd.DataFrame({"a": [1], "b": ["x"], "c": [1]})),
        "`X` must hold numbers; got *'x'*TableModel.",
    ),
    (
        lambda: predict(pl.DataFrame({"a": [1, None], "b": [1, 2], "c": [1, 2]})),
        "`X` must be finite; got nan in row 1, column 0.*",
    ),
    (lambda: train(X=X[:0], y=Y[:0]), "`X` must have at least one row; got none."),
    # y, weights, offset
    (lambda: train(y=Y[:-1]), "`X` and `y` must have the same number of rows; got 20 and 19."),
    (lambda: train(y=None), "`y` must have shape (n, 1), one row per sample; got shape ()."),
    (lambda: train(y=np.c_[Y, Y]), "`y` must have shape (n, 1), one row per sample; got shape (20, 2)."),
    (lambda: train(y=["a"] * 20), "`y` must hold numbers; got *'a'*TableModel."),
    (lambda: train(y=np.append(Y[:-1], np.inf)), "`y` must be finite; got inf in row 19, column 0. Remove*"),
    (
        lambda: classifier("softmax", "cross_entropy", Y > 0),
        "`y` must have shape (n, 2), one row per sample; got shape (20,). For 2 classes try dr.one_hot(y).",
    ),
    (
        lambda: classifier("sigmoid", "binary_cross_entropy", np.c_[Y > 0, np.arange(20)]),
        "`y` must lie in [0, 1] for the loss binary_cross_entropy (with output activation sigmoid); "
        "got 2 in row 2, column 1. Choose another loss, or encode the targets first*",
    ),
    (
        lambda: classifier("identity", "cross_entropy", np.c_[Y, Y]),
        "the loss cross_entropy needs predictions in (0, 1) with outputs that sum to 1, so the pair of "
        "cross_entropy and output activation identity is refused; got an output range of (-inf, inf). "
        'Allowed: softmax. Try the output activation "softmax".',
    ),
    (
        lambda: classifier("tanh", "poisson", np.ones((20, 2))),
        "the loss poisson needs predictions in (0, inf)*tanh is refused*Allowed: *exponential*",
    ),
    (
        lambda: train(loss="mse_loss"),
        "`loss` must be one of mean_squared_error*; got 'mse_loss'. Did you mean *",
    ),
    (lambda: train(loss=None), "`loss` must be a name or a record; got None. Allowed: mean_squared_error*"),
    (lambda: train(sample_weight=-np.ones(20)), "`sample_weight` must not be negative; got -1 in row 0."),
    (
        lambda: train(sample_weight=np.zeros(20)),
        "`sample_weight` must be positive for some row; got only zeros.",
    ),
    (
        lambda: train(sample_weight=np.ones(3)),
        "`sample_weight` must have shape (20,); got shape (3,). Give one number per row.",
    ),
    (lambda: train(sample_weight="balanced"), "`sample_weight` must hold numbers; got *'balanced'*"),
    (lambda: train(sample_weight=[NAN] * 20), "`sample_weight` must be finite; got nan in row 0.*"),
    (lambda: train(offset=np.ones(3)), "`offset` must have 20 rows, as X has; got 3."),
    (
        lambda: train(offset=np.ones((20, 2))),
        "`offset` must have shape (n, 1), one row per sample; got shape (20, 2).",
    ),
    (lambda: train(offset=[NAN] * 20), "`offset` must be finite; got nan in row 0, column 0.*"),
    (lambda: net().gradients(X, Y, reduction="avg"), "`reduction` must be one of mean, sum; got 'avg'."),
    # validation
    (lambda: train(validation=5), "`validation` must lie in (0, 1); got 5."),
    (lambda: train(validation=True), "`validation` must be a finite number; got True."),
    (lambda: train(validation=0.5, X=X[:1], y=Y[:1]), "a validation fraction needs at least 2 rows; got 1."),
    (lambda: train(validation="0.2"), "`validation` must be a fraction, or (X, y) with*; got str."),
    (lambda: train(validation=X), "`validation` must be a fraction, or (X, y) with*; got ndarray."),
    (lambda: train(validation=(X,)), "`validation` must be a fraction, or (X, y) with*; got 1 arrays."),
    (lambda: train(validation=(X, None)), "`validation` must be a fraction, or (X, y) with*"),
    (
        lambda: train(validation=(X[:, :2], Y)),
        "`validation X` must have shape (n, 3), one row per sample; got shape (20, 2).",
    ),
    (lambda: train(validation=(X[:0], Y[:0])), "`validation X` must have at least one row; got none."),
    (
        lambda: train(validation=(X, Y[1:])),
        "`validation X` and `validation y` must have the same number of rows; got 20 and 19.",
    ),
    (
        lambda: train(validation=(X, Y, 0 * Y)),
        "`validation sample_weight` must be positive for some row; got only zeros.",
    ),
    (lambda: train(validation=(X, Y, None, [1])), "`validation offset` must have 20 rows, as X has; got 1."),
    (
        lambda: classifier(
            "sigmoid", "binary_cross_entropy", np.ones((20, 2)), validation=(X, np.full((20, 2), 3))
        ),
        "`validation y` must lie in [0, 1] for the loss binary_cross_entropy*; got 3 in row 0, column 0.*",
    ),
    # settings
    (lambda: train(epochs=-1), "`epochs` must be at least 0; got -1."),
    (lambda: train(epochs=2.0), "`epochs` must be a whole number, at least 0; got 2.0."),
    (lambda: train(batch_size=0), "`batch_size` must be at least 1; got 0."),
    (
        lambda: train(batch_size="all"),
        "`batch_size` must be a whole number, at least 1, or 'auto', or None for all rows; got 'all'.",
    ),
    (lambda: train(batch_size=4.0), "`batch_size` must be a whole number, at least 1; got 4.0."),
    (
        lambda: train(remainder="dorp"),
        "`remainder` must be one of keep, drop, merge; got 'dorp'. Did you mean 'drop'?",
    ),
    (lambda: train(shuffle="no"), "`shuffle` must be True or False; got 'no'."),
    (lambda: train(record_steps=1), "`record_steps` must be True or False; got 1."),
    (
        lambda: train(seed=2**64),
        "`seed` must be between 0 and 18446744073709551615; got 18446744073709551616.",
    ),
    (lambda: train(tol=-1), "`tol` must lie in [0, inf); got -1."),
    (lambda: train(target_loss="a"), "`target_loss` must be a finite number; got 'a'."),
    (lambda: train(time_limit=0), "`time_limit` must lie in (0, inf); got 0."),
    (lambda: train(time_limit=np.inf), "`time_limit` must be a finite number; got inf."),
    (
        lambda: train(early_stopping=dr.EarlyStopping()),
        "`early_stopping` needs validation rows to watch; got none. Try validation=0.2*",
    ),
    (
        lambda: train(early_stopping=5, validation=0.2),
        "`early_stopping` must be a dr.EarlyStopping; got 5. Try dr.EarlyStopping(patience=10).",
    ),
    (lambda: dr.EarlyStopping(patience=0), "`patience` must be at least 1; got 0."),
    (lambda: dr.EarlyStopping(min_delta=-1), "`min_delta` must lie in [0, inf); got -1."),
    (
        lambda: dr.EarlyStopping(ties="frist"),
        "`ties` must be one of first, last; got 'frist'. Did you mean 'first'?",
    ),
    (lambda: train(metrics="rmse"), "`metrics` must be a list; got 'rmse'."),
    (
        lambda: train(metrics=["rsme"]),
        "`metric` must be one of mean_squared_error*got 'rsme'. Did you mean 'rmse'?",
    ),
    (
        lambda: train(target_scaler=3),
        "`target_scaler` must have `inverse`; got 3. Try dr.Standardizer.fit(y).",
    ),
    (
        lambda: train(target_scaler=dr.Standardizer),
        "`target_scaler` must have `inverse`; got <class *Try dr.Standardizer.fit(y).",
    ),
    (lambda: train(callbacks=print), "`callbacks` must be a list; got <built-in function print>."),
    (lambda: train(callbacks=[3]), "each of the `callbacks` must be a function; got 3."),
    (lambda: train(engine="nativ"), "`engine` must be one of *reference*; got 'nativ'.*"),
    (
        lambda: train(engine=None),
        "`engine` must be a name or an engine; got None. Allowed: auto, *reference.",
    ),
    (lambda: train(batches=7), "`batches` must be a list; got 7."),
    (lambda: train(batches=[0, 1]), "each batch must be a list of row numbers; got int64 of shape ()."),
    (lambda: train(batches=[[0.0]]), "each batch must be a list of row numbers; got float64 of shape (1,)."),
    (
        lambda: train(batches=[X[:, 0] > 0]),
        "each batch must be a list of row numbers; got bool of shape (20,).",
    ),
    (lambda: train(batches=[[0, [1]]]), "each batch must be a list of row numbers; got [0, [1]]."),
    (lambda: train(batches=[[3, 20]]), "the row numbers of a batch must lie between 0 and 19; got 20."),
    (lambda: train(batches=[[-1]]), "the row numbers of a batch must lie between 0 and 19; got -1."),
    (
        lambda: train(batches=[]),
        "an epoch must hold at least one row with weight; got none. Check `batches`.",
    ),
    (lambda: train(batches=lambda epoch: None), "`batches(epoch)` must be a list; got None."),
    (
        lambda: train(batches=lambda epoch: [[20]]),
        "the row numbers of a batch must lie between 0 and 19; got 20.",
    ),
    # optimizer, penalty
    (
        lambda: train(optimizer="adma"),
        "`optimizer` must be one of sgd, rmsprop, adam*; got 'adma'. Did you mean 'adam'?",
    ),
    (
        lambda: train(optimizer=0.1),
        "`optimizer` must be a name or a record; got 0.1. Allowed: sgd, rmsprop, adam, adamw*",
    ),
    (
        lambda: train(optimizer=dr.SGD),
        "`optimizer` must be a name or a record; got *Allowed: sgd, rmsprop, adam, adamw*Try SGD(...).",
    ),
    (
        lambda: train(optimizer=dr.SGD([0.1] * 3)),
        "`learning_rate` must be one number or schedule, or one per layer, 2; got (0.1, 0.1, 0.1).",
    ),
    (lambda: train(y=["1", "two", *["3"] * 8]), "`y` must hold numbers; got 'two' in row 1. For tables *"),
    (lambda: train(clip_norm=0), "`clip_norm` must lie in (0, inf); got 0."),
    (
        lambda: train(label_smoothing=0.1),
        "`label_smoothing` needs the loss cross_entropy or binary_cross_entropy; "
        "got mean_squared_error. Leave it out.",
    ),
    (lambda: dr.StepDecay(0.1, every=0), "`every` must be at least 1; got 0."),
    (
        lambda: dr.CosineDecay(0.1, epochs="all"),
        "`epochs` of a schedule must be a positive number or 'auto'; got 'all'. Try 'auto'.",
    ),
    (
        lambda: dr.step_through(net(), X, Y, optimizer=dr.SGD(dr.ReduceOnPlateau())),
        "a session cannot follow a learning rate that watches the loss; got *Try `train`, whose history *",
    ),
    (lambda: dr.SGD(-1), "`learning_rate` must lie in [0, inf); got *-1*"),
    (lambda: dr.SGD("fast"), "`learning_rate` must be a finite number; got *'fast'*"),
    (lambda: dr.SGD(NAN), "`learning_rate` must be a finite number; got *nan*"),
    (lambda: dr.SGD(0.1, momentum=1.1), "`momentum` must lie in [0, 1]; got 1.1."),
    (
        lambda: dr.Adam(epsilon_form="before"),
        "`epsilon_form` must be one of after_bias_correction, before_bias_correction; got 'before'.*",
    ),
    (lambda: train(penalty="l3"), "`penalty` must be one of l1, l2*; got 'l3'. Did you mean *"),
    (lambda: train(penalty=0.1), "`penalty` must be a name or a record; got 0.1. Allowed: l1, l2*"),
    (lambda: dr.L2(-1), "`strength` must lie in [0, inf); got -1."),
    # the rest of the border
    (lambda: dr.check_gradients(net(), X, Y, tolerance=0), "`tolerance` must lie in (0, inf); got 0."),
    (
        lambda: dr.register(3),
        "`record` must be a record of a known kind; got 3. "
        "Allowed: activation, loss, metric, optimizer, schedule, initializer, penalty.",
    ),
    (
        lambda: dr.register(dr.SGD),
        "`record` must be a record, not its class; got <class *SGD'>. Try SGD(...).",
    ),
    (
        lambda: dr.register(dr.Metric("rmse", lambda y, y_hat, w: 0.0)),
        "the metric name must be new; got 'rmse'. Choose another name.",
    ),
    (lambda: dr.one_hot(5), "labels must have shape (n,); got shape ()."),
    (lambda: dr.one_hot([[1], [2]]), "labels must have shape (n,); got shape (2, 1)."),
    (
        lambda: dr.one_hot([1, "a", None]),
        "labels must be of one kind*",
    ),
    (
        lambda: dr.one_hot(["rd"], ["red", "blue"]),
        "each label must be one of the classes; got 'rd' in row 0. Allowed: red, blue. Did you mean 'red'?",
    ),
    (lambda: dr.one_hot([0, 1], classes=2), "`classes` must be a list; got 2."),
]


def fits(words: str, pattern: str) -> bool:
    """Whether the words are the pattern, in which * stands for anything."""
    parts, at = pattern.split("*"), 0
    for number, part in enumerate(parts):
        found = words.find(part, at)
        if found < 0 or (number == 0 and found > 0):
            return False
        at = found + len(part)
    return at == len(words) or parts[-1] == "" or words.endswith(parts[-1])


@pytest.mark.parametrize(("wrong", "sentence"), SENTENCES, ids=[sentence[:60] for _, sentence in SENTENCES])
def test_sentence(wrong: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(dr.InputError) as error:
        wrong()
    assert fits(str(error.value), sentence), f"{error.value}\n    is not\n{sentence}"


@pytest.mark.parametrize(("wrong", "sentence"), SENTENCES, ids=[sentence[:60] for _, sentence in SENTENCES])
def test_a_sentence_reads_well(wrong: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the words are judged below)
        wrong()
    words = str(error.value)
    assert words.endswith((".", "?", ")"))
    assert ".." not in words.replace("...", "")
    assert "  " not in words
    assert "None;" not in words


def test_a_refused_training_changes_nothing() -> None:
    made = net()
    made.train(X, Y, epochs=1)
    theta, history, record = made.theta.copy(), made.history, made.training_record
    for settings in ({"epochs": -1}, {"optimizer": 3}, {"batches": [[99]]}, {"validation": (X, Y[1:])}):
        with pytest.raises(dr.InputError):
            made.train(X, Y, **settings)
    np.testing.assert_array_equal(made.theta, theta)
    assert made.history is history
    assert made.training_record == record


def test_wrong_shapes_of_ones_own_records_are_refused_in_words() -> None:
    mean = dr.Loss("mean", lambda y, p: np.mean((y - p) ** 2), lambda y, p: p - y)
    column = dr.Loss("column", lambda y, p: (y - p) ** 2, lambda y, p: p - y)
    flat = dr.Activation("flat", lambda z: z[:, 0], lambda z, a: np.ones_like(z))
    wide = dr.Activation("wide", lambda z: z + 0.0, lambda z, a: np.ones((len(z), 5)))
    slope = dr.Loss("slope", lambda y, p: np.mean((y - p) ** 2, axis=1), lambda y, p: (p - y)[:, 0])
    for loss, sentence in (
        (mean, "value(y, y_hat) of the loss mean must have shape (2,), one number per row; got shape ()."),
        (
            column,
            "value(y, y_hat) of the loss column must have shape (2,), one number per row; got shape (2, 1).",
        ),
        (slope, "slope(y, y_hat) of the loss slope must have shape (2, 1), one number per row and output; *"),
    ):
        with pytest.raises(dr.InputError) as error:
            train(loss=loss)
        assert fits(str(error.value), sentence)
    with pytest.raises(dr.InputError, match=r"value\(z\) of the activation flat must have shape \(2, 1\)"):
        dr.Network([3, 1], [flat]).train(X, Y)
    with pytest.raises(dr.InputError, match="derivative of the activation wide must have shape"):
        dr.Network([3, 1], [wide]).train(X, Y)

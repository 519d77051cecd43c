"""Why training ended, in sentences, with what to try next."""

from __future__ import annotations

from deltarule.cli.summary import number, usual_rate
from deltarule.engines.base import Job
from deltarule.table_model.rates import optimizer_of
from deltarule.training.reports import History

FAR_ABOVE = 10.0
"""From this many times the default on, the advice is the default learning rate, else a tenth of the rate."""
STILL_IMPROVING = 0.95
"""A best epoch after this part of all planned ones is no end."""


def in_words(history: History, job: Job) -> str:
    """Say why a run has ended, and which parameters the network has now."""
    stop = history.stop
    if stop is None:
        return "Interrupted."
    if stop.kind == "diverged":
        return _diverged(history, job)
    said = f"{stop.message[:1].upper()}{stop.message[1:]}."
    return f"{said} {_loss(history)}" if stop.kind == "epochs" else said


def _diverged(history: History, job: Job) -> str:
    why = f"Training diverged in epoch {len(history.epochs) + 1}: the objective is no longer finite."
    epoch = history.restored_epoch
    kept = f" The network has the parameters it had after epoch {epoch}, the best known." if epoch else ""
    return f"{why}{kept} {_smaller_rate(job)}"


def _smaller_rate(job: Job) -> str:
    if job.minimizer is not None:
        return "Try another --seed, or another --activation."
    name, rate = job.optimizer.name, max(map(usual_rate, job.learning_rates))
    usual = getattr(optimizer_of(name, "auto"), "learning_rate", None)
    if isinstance(usual, float) and rate >= FAR_ABOVE * usual:
        return f"Try --learning-rate {usual:g}, the default for {name}."
    return f"Try a smaller rate: --learning-rate {rate / 10:g}."


def _loss(history: History) -> str:
    """Return the loss of the network as it is now, and whether training on may help."""
    last = history.epochs[-1]
    epoch = history.restored_epoch
    if epoch is None:
        return f"The training loss was {number(last.loss)} in the last epoch."
    loss = history.epochs[epoch - 1].validation_loss
    said = f"Its validation loss is {number(loss if loss is not None else last.loss)}"
    improving = epoch > STILL_IMPROVING * last.epochs
    return f"{said}. It was still improving: more --epochs may help." if improving else f"{said}."

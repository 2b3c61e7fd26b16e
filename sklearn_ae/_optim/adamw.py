"""AdamW over flat buffers: one fused update a step, however many tensors a net has."""

import inspect
from collections import defaultdict
from itertools import chain
from operator import is_, itemgetter, methodcaller

import torch
from torch.optim.optimizer import (
    _global_optimizer_post_hooks,
    _global_optimizer_pre_hooks,
)

from sklearn_ae._optim.flat import Apart, Flat, is_part

_PARAMETERS = itemgetter("params")
_GATHER = methodcaller("gather")


def _undecorated(name):
    """Return a method of torch's optimizers without the decorator.

    It keeps torch's compiler off, and imports it for that, which takes longer than many
    a fit.
    """
    return inspect.unwrap(getattr(torch.optim.Optimizer, name))


def _check_settings(lr, betas, eps, weight_decay, max_grad_norm):
    """Raise ValueError as `torch.optim.AdamW` does."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
    if not eps >= 0.0:
        raise ValueError(f"Invalid epsilon value: {eps}")
    for index, beta in enumerate(betas):
        if isinstance(beta, torch.Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
    if not weight_decay >= 0.0:
        raise ValueError(f"Invalid weight_decay value: {weight_decay}")
    for kind in (float, torch.Tensor):
        if isinstance(betas[0], kind) != isinstance(betas[1], kind):
            raise ValueError("betas must be either both floats or both Tensors")
    if max_grad_norm is not None and not max_grad_norm > 0.0:
        raise ValueError(f"Invalid max_grad_norm value: {max_grad_norm}")


class FlatAdamW(torch.optim.Optimizer):
    """AdamW whose parameters, gradients and moments are views of flat buffers.

    It is used as `torch.optim.AdamW` is, and does the same. Flattening happens in the
    first step and again whenever parameters, groups or states were replaced, so they
    may be loaded or sent to another device in between. Parameters without a gradient
    are skipped; they are flattened once they have one. Complex parameters, and those
    that share a larger memory, are updated where they are.

    Parameters
    ----------
    params : iterable of Tensor or dict
        Parameters or parameter groups.
    lr : float or Tensor, default=1e-3
        Learning rate.
    betas : tuple of (float, float), default=(0.9, 0.99)
        Decay rates of the averages of gradients and of their squares.
    eps : float, default=1e-8
        Added to the root of the squares.
    weight_decay : float, default=0.0
        Decoupled weight decay.
    amsgrad : bool, default=False
        Whether to divide by the largest average of squares so far.
    maximize : bool, default=False
        Whether to go up instead of down.
    max_grad_norm : float or None, default=None
        Gradients are scaled so that their common norm is at most this; the same for
        all groups.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] Loshchilov, I. & Hutter, F. (2019). Decoupled weight decay regularization.
       International Conference on Learning Representations.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.99),
        eps=1e-8,
        weight_decay=0.0,
        amsgrad=False,
        *,
        maximize=False,
        max_grad_norm=None,
    ):
        _check_settings(lr, betas, eps, weight_decay, max_grad_norm)
        defaults = {
            "lr": lr,
            "betas": tuple(float(beta) for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "max_grad_norm": max_grad_norm,
        }
        self._flats = None
        super().__init__(params, defaults)

    add_param_group = _undecorated("add_param_group")
    state_dict = _undecorated("state_dict")
    load_state_dict = _undecorated("load_state_dict")
    zero_grad = _undecorated("zero_grad")

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
        self._flats = None

    def _gather(self):
        """Bring all gradients into the buffers, which are made anew where they must."""
        if self._flats is None or not self._is_current():
            self._flatten()

    def _is_current(self):
        return (
            all(map(is_, self._pieces(), self._known))
            and (not self._idle or all(p.grad is None for p in self._idle))
            and all(map(_GATHER, self._flats))
        )

    def _pieces(self):
        """Return all objects that may be replaced by others, then None as the end."""
        groups = self.param_groups
        parameters = chain.from_iterable(map(_PARAMETERS, groups))
        moments = chain.from_iterable(map(dict.values, self.state.values()))
        return chain(groups, parameters, moments, (None,))

    @torch.no_grad()
    def _flatten(self):
        # Until all is done, so that it is done anew if it is interrupted.
        self._flats = None
        alike, apart = defaultdict(dict), []
        self._idle = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None and not self.state.get(parameter):
                    self._idle.append(parameter)
                elif parameter.is_complex() or is_part(parameter):
                    apart.append(Apart(parameter, group, self.state))
                else:
                    kind = parameter.device, parameter.dtype
                    alike[kind][parameter] = group
        flats = [
            Flat(list(groups), list(groups.values()), self.state)
            for groups in alike.values()
        ]
        self._known = list(self._pieces())
        self._flats = [*flats, *apart]

    # Tensors made in the caller's inference mode could never be trained again.
    @torch.inference_mode(False)
    @torch.no_grad()
    def release(self):
        """Give every tensor a memory of its own again, so that pickles stay small."""
        for flat in self._flats or []:
            flat.release()
        self._flats = None

    def gradients(self):
        """Return the buffers of all gradients, which may be changed in place."""
        self._gather()
        return [flat.gradients for flat in self._flats if flat.gradients is not None]

    def _divisor(self):
        """Return what gradients are divided by for the largest norm, or None."""
        max_norm = self.defaults["max_grad_norm"]
        if max_norm is None:
            return None
        gradients = [flat.gradients for flat in self._flats]
        norms = [torch.linalg.vector_norm(g) for g in gradients if g is not None]
        if not norms:
            return None
        norm = norms[0]
        if len(norms) > 1:
            norm = torch.linalg.vector_norm(torch.stack([n.to(norm) for n in norms]))
        # A GPU would have to be waited for.
        if norm.is_cpu and float(norm) <= max_norm:
            return None
        return (norm / max_norm).clamp_(min=1.0)

    def _plain_step(self, closure):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._gather()
        divisor = self._divisor()
        for flat in self._flats:
            flat.update(divisor)
        return loss

    _marked_step = torch.optim.Optimizer.profile_hook_step(_plain_step)

    def step(self, closure=None):
        """Update all parameters that have a gradient.

        Parameters
        ----------
        closure : callable or None, default=None
            Computes gradients anew and returns the loss.

        Returns
        -------
        loss : Tensor or None
            What the closure returned.
        """
        if self._is_watched():
            return self._marked_step(closure)
        return self._plain_step(closure)

    # Else torch puts a mark for its profiler around each step, watched or not, which
    # takes as long as the update of a small net.
    step.hooked = True  # type: ignore[attr-defined]

    def _is_watched(self):
        return (
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
            or torch.autograd._profiler_enabled()
        )

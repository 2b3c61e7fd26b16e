"""AdamW over flat buffers: one fused update a step, however many tensors a net has."""

import inspect

import torch
from torch.optim.adamw import adamw
from torch.optim.optimizer import (
    _global_optimizer_post_hooks,
    _global_optimizer_pre_hooks,
)

_FUSED = getattr(torch, "_fused_adamw_", None)
# Undecorated: the decorator keeps torch's compiler off, and imports it for that, which
# takes longer than many a fit.
_add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
_state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)


class _Flat:
    """The buffers of all parameters, and the views of them.

    Parameters
    ----------
    groups : list of list of Tensor
        The parameters, group by group.
    state : dict
        The optimizer's state, which becomes views of the buffers.
    """

    def __init__(self, groups, state):
        self.parameters = [parameter for group in groups for parameter in group]
        first = self.parameters[0]
        size = sum(parameter.numel() for parameter in self.parameters)
        buffers = [first.new_zeros(size) for _ in range(4)]
        self.gradients = buffers[1]
        self.steps = torch.zeros(len(groups), device=first.device, dtype=torch.float32)
        # A tensor beside a tensor is faster than a number, which is made one each time.
        self.one = torch.ones((), device=first.device, dtype=torch.float32)
        steps = [
            step for group, step in zip(groups, self.steps, strict=True) for _ in group
        ]
        self.gradient_views = []
        self.addresses = []
        start = 0
        for parameter, step in zip(self.parameters, steps, strict=True):
            stop = start + parameter.numel()
            value, gradient, average, square = (
                buffer[start:stop].view_as(parameter) for buffer in buffers
            )
            start = stop
            value.copy_(parameter.detach())
            if parameter.grad is not None:
                gradient.copy_(parameter.grad)
            known = state[parameter]
            if known:
                average.copy_(known["exp_avg"])
                square.copy_(known["exp_avg_sq"])
                step.copy_(known["step"])
            parameter.data = value
            self.addresses.append(value.data_ptr())
            parameter.grad = gradient
            self.gradient_views.append(gradient)
            state[parameter] = {
                "step": step,
                "exp_avg": average,
                "exp_avg_sq": square,
            }
        sizes = [sum(parameter.numel() for parameter in group) for group in groups]
        parts = [buffer.split(sizes) for buffer in buffers]
        #: For each group its part of the values, gradients, averages, squares, none of
        #: the largest squares, and its count of steps; each in a list of its own.
        self.parts = [
            [*([tensor] for tensor in tensors), [], [step]]
            for *tensors, step in zip(*parts, self.steps, strict=True)
        ]

    def is_current(self):
        """Whether the parameters still are views of the buffer."""
        return all(
            parameter.data_ptr() == address
            for parameter, address in zip(self.parameters, self.addresses, strict=True)
        )

    def gather_gradients(self):
        """Bring gradients that were replaced, or set to None, back into the buffer."""
        pairs = zip(self.parameters, self.gradient_views, strict=True)
        for parameter, view in pairs:
            if parameter.grad is view:
                continue
            if parameter.grad is None:
                view.zero_()
            else:
                view.copy_(parameter.grad)
            parameter.grad = view


class FlatAdamW(torch.optim.Optimizer):
    """AdamW whose parameters, gradients and moments are views of flat buffers.

    Flattening happens on the first step and again whenever parameters were moved, so
    parameters may be loaded, replaced or sent to another device in between. All
    parameters must be float32 and on one device.

    Parameters
    ----------
    params : iterable of Tensor or dict
        Parameters or parameter groups.
    lr : float, default=1e-3
        Learning rate.
    betas : tuple of (float, float), default=(0.9, 0.99)
        Decay rates of the averages of gradients and of their squares.
    eps : float, default=1e-8
        Added to the root of the squares.
    weight_decay : float, default=0.0
        Decoupled weight decay.
    max_grad_norm : float or None, default=None
        Gradients are scaled so that their common norm is at most this; the same for
        all groups.

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
        max_grad_norm=None,
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "max_grad_norm": max_grad_norm,
        }
        self._flat = None
        super().__init__(params, defaults)

    def _current_flat(self):
        if self._flat is None or not self._flat.is_current():
            groups = [group["params"] for group in self.param_groups]
            self._flat = _Flat(groups, self.state)
        self._flat.gather_gradients()
        return self._flat

    def release(self):
        """Give every tensor a memory of its own again, so that pickles stay small."""
        if self._flat is None:
            return
        for parameter in self._flat.parameters:
            parameter.data = parameter.data.clone()
            parameter.grad = None
            state = self.state[parameter]
            self.state[parameter] = {
                name: value.clone() for name, value in state.items()
            }
        self._flat = None

    def add_param_group(self, param_group):
        self._flat = None
        _add_param_group(self, param_group)

    def state_dict(self):
        packed = _state_dict(self)
        for state in packed["state"].values():
            # Other optimizers advance each parameter's step in place.
            state["step"] = state["step"].clone()
        return packed

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self._flat = None

    def __setstate__(self, state):
        super().__setstate__(state)
        self._flat = None

    def zero_grad(self, set_to_none=True):
        """Set all gradients to zero; they stay views of the buffers."""
        self._current_flat().gradients.zero_()

    @torch.no_grad()
    def _plain_step(self, closure):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        flat = self._current_flat()
        max_norm = self.defaults["max_grad_norm"]
        divisor = None
        if max_norm is not None:
            norm = torch.linalg.vector_norm(flat.gradients)
            divisor = torch.maximum(
                norm if max_norm == 1 else norm / max_norm, flat.one
            )
        flat.steps.add_(flat.one)
        for part, group in zip(flat.parts, self.param_groups, strict=True):
            self._update(part, divisor, group)
        return loss

    _marked_step = torch.optim.Optimizer.profile_hook_step(_plain_step)

    def step(self, closure=None):
        """Update all parameters.

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

    @staticmethod
    def _update(part, divisor, group):
        beta1, beta2 = group["betas"]
        settings = {
            "lr": group["lr"],
            "beta1": beta1,
            "beta2": beta2,
            "weight_decay": group["weight_decay"],
            "eps": group["eps"],
            "amsgrad": False,
            "maximize": False,
        }
        if _FUSED is not None:
            _FUSED(*part, **settings, grad_scale=divisor, found_inf=None)
            return
        *tensors, steps = part
        if divisor is not None:
            part[1][0].div_(divisor)
        # It counts the step itself.
        adamw(*tensors, [step - 1 for step in steps], **settings, foreach=False)

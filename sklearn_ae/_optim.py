"""AdamW over flat buffers: one fused update a step, however many tensors a net has."""

import torch
from torch.optim.adamw import adamw

_FUSED = getattr(torch, "_fused_adamw_", None)


class _Flat:
    """The buffers of one parameter group, and the views of them."""

    def __init__(self, parameters, state):
        first = parameters[0]
        size = sum(parameter.numel() for parameter in parameters)
        self.parameters = parameters
        self.values = first.new_empty(size)
        self.gradients = first.new_zeros(size)
        self.averages = first.new_zeros(size)
        self.squares = first.new_zeros(size)
        self.step = torch.zeros((), device=first.device)
        self.gradient_views = []
        self.addresses = []
        start = 0
        for parameter in parameters:
            stop = start + parameter.numel()
            views = [
                buffer[start:stop].view_as(parameter)
                for buffer in (self.values, self.gradients, self.averages, self.squares)
            ]
            start = stop
            value, gradient, average, square = views
            value.copy_(parameter.detach())
            if parameter.grad is not None:
                gradient.copy_(parameter.grad)
            known = state[parameter]
            if known:
                average.copy_(known["exp_avg"])
                square.copy_(known["exp_avg_sq"])
                self.step.copy_(known["step"])
            parameter.data = value
            self.addresses.append(value.data_ptr())
            parameter.grad = gradient
            self.gradient_views.append(gradient)
            state[parameter] = {
                "step": self.step,
                "exp_avg": average,
                "exp_avg_sq": square,
            }

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
    parameters of a group must be float32 and on one device.

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

    References
    ----------
    .. [1] Loshchilov, I. & Hutter, F. (2019). Decoupled weight decay regularization.
       International Conference on Learning Representations.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        self._flats = None
        super().__init__(params, defaults)

    def _current_flats(self):
        if self._flats is None or not all(flat.is_current() for flat in self._flats):
            self._flats = [
                _Flat(group["params"], self.state) for group in self.param_groups
            ]
        return self._flats

    def release(self):
        """Give every tensor a memory of its own again, so that pickles stay small."""
        if self._flats is None:
            return
        for flat in self._flats:
            for parameter in flat.parameters:
                parameter.data = parameter.data.clone()
                parameter.grad = None
                state = self.state[parameter]
                self.state[parameter] = {
                    name: value.clone() for name, value in state.items()
                }
        self._flats = None

    def add_param_group(self, param_group):
        self._flats = None
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self._flats = None

    def __setstate__(self, state):
        super().__setstate__(state)
        self._flats = None

    def zero_grad(self, set_to_none=True):
        """Set all gradients to zero; they stay views of the buffers."""
        for flat in self._current_flats():
            flat.gather_gradients()
            flat.gradients.zero_()

    @torch.no_grad()
    def clip_grad_norm_(self, max_norm):
        """Scale all gradients so that their common norm is at most `max_norm`."""
        flats = self._current_flats()
        norms = []
        for flat in flats:
            flat.gather_gradients()
            norms.append(torch.linalg.vector_norm(flat.gradients))
        norm = torch.linalg.vector_norm(torch.stack(norms))
        factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for flat in flats:
            flat.gradients.mul_(factor)
        return norm

    @torch.no_grad()
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
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        flats = self._current_flats()
        for flat, group in zip(flats, self.param_groups, strict=True):
            flat.gather_gradients()
            self._update(flat, group)
        return loss

    @staticmethod
    def _update(flat, group):
        beta1, beta2 = group["betas"]
        tensors = (
            [flat.values],
            [flat.gradients],
            [flat.averages],
            [flat.squares],
            [],
            [flat.step],
        )
        settings = {
            "lr": group["lr"],
            "beta1": beta1,
            "beta2": beta2,
            "weight_decay": group["weight_decay"],
            "eps": group["eps"],
            "amsgrad": False,
            "maximize": False,
        }
        if _FUSED is None:
            adamw(*tensors, **settings, foreach=False)
        else:
            flat.step += 1
            _FUSED(*tensors, **settings, grad_scale=None, found_inf=None)

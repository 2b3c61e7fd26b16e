"""Parameters, gradients and moments of AdamW in flat buffers, and their update."""

from itertools import accumulate, groupby
from operator import attrgetter, is_

import torch
from torch.optim.adamw import adamw

_FUSED = getattr(torch, "_fused_adamw_", None)
_GRADIENT = attrgetter("grad")
# Moments too small to matter are set to zero once in so many steps: those of dead units
# decay into denormal numbers, which take a CPU many times as long.
FLUSH_EVERY = 64
# Moments looked at together.
FLUSHED_TOGETHER = 2**20


def _alone(view):
    """Return the same memory as a tensor whose storage ends where it ends.

    What is saved or copied of a tensor is its whole storage.
    """
    if view.device.type not in ("cpu", "cuda"):
        return view
    return torch.from_dlpack(view)


def is_part(parameter):
    """Whether a parameter shares a larger memory, which flattening would part it from.

    So do weights that are tied by memory, and those that cuDNN keeps in one piece.
    """
    size = parameter.numel() * parameter.element_size()
    return parameter.untyped_storage().nbytes() != size


def _check_dense(gradient):
    if gradient.is_sparse:
        raise RuntimeError(
            "FlatAdamW does not support sparse gradients, please consider SparseAdam "
            "instead"
        )


class Flat:
    """The buffers of all parameters of one device and one dtype.

    Parameters
    ----------
    parameters : list of Tensor
        The parameters, group by group.
    groups : list of dict
        The group of each.
    state : dict
        The optimizer's state, whose tensors become views of the buffers.
    """

    def __init__(self, parameters, groups, state):
        self.parameters = parameters
        self.groups = groups
        self.entries = [state[parameter] for parameter in parameters]
        options = {"device": parameters[0].device, "dtype": torch.float32}
        moments = ["exp_avg", "exp_avg_sq"]
        if any(group["amsgrad"] for group in groups):
            moments.append("max_exp_avg_sq")
        #: Where each parameter starts in the buffers, and where the last one ends.
        self.starts = [0, *accumulate(parameter.numel() for parameter in parameters)]
        self.buffers = {}
        # One after the other: what has moved gives its own memory back before the next.
        for parameter, view in zip(parameters, self._views("value"), strict=True):
            view.copy_(parameter.detach())
            parameter.data = view
        self.addresses = self._addresses()
        self.views = self._views("gradient")
        self.gradients = self.buffers["gradient"]
        #: The gradients that parameters have: views of the buffer, or None.
        self.found = [None] * len(parameters)
        self._take_gradients()
        for name in moments:
            self._move_state(name, self._views(name))
        self.steps = torch.zeros(len(parameters), **options)
        self._move_state("step", map(_alone, self.steps))
        # A tensor beside a tensor is faster than a number, which is made one each time.
        self.one = torch.ones((), **options)
        self.n_updates = 0
        self._plan()

    def _views(self, name):
        """Make a buffer and return its part for each parameter.

        The part has the strides that torch gives to what is made like the parameter.
        """
        like = self.parameters[0]
        self.buffers[name] = buffer = torch.zeros(
            self.starts[-1], dtype=like.dtype, device=like.device
        )
        views = []
        for parameter, start in zip(self.parameters, self.starts[:-1], strict=True):
            strides = torch.empty_like(parameter, device="meta").stride()
            view = buffer.as_strided(parameter.shape, strides, start)
            views.append(_alone(view))
        return views

    def _move_state(self, name, views):
        for entry, view in zip(self.entries, views, strict=True):
            if name in entry:
                view.copy_(torch.as_tensor(entry[name], device=view.device))
            entry[name] = view

    def release(self):
        """Give every tensor a memory of its own again."""
        for parameter, entry in zip(self.parameters, self.entries, strict=True):
            parameter.data = parameter.data.clone()
            parameter.grad = None
            entry.update({name: view.clone() for name, view in entry.items()})

    def _addresses(self):
        return list(map(torch.Tensor.data_ptr, self.parameters))

    def gather(self):
        """Bring the gradients into the buffer; return whether the parameters are there.

        A gradient may have been made anew, or set to None.
        """
        if self._addresses() != self.addresses:
            return False
        if not all(map(is_, map(_GRADIENT, self.parameters), self.found)):
            before = [view is None for view in self.found]
            self._take_gradients()
            if before != [view is None for view in self.found]:
                self._plan()
        return True

    # Here and there, not around each step, where it would cost as much as the norm.
    @torch.no_grad()
    def _take_gradients(self):
        for number, parameter in enumerate(self.parameters):
            gradient, view = parameter.grad, self.views[number]
            if gradient is None:
                # The norm is that of the whole buffer.
                view.zero_()
            elif gradient is not view:
                _check_dense(gradient)
                view.copy_(gradient)
                parameter.grad = view
            self.found[number] = None if gradient is None else view

    def _plan(self):
        """Find the runs of neighbours that are updated alike, in one call."""
        kinds = [
            (id(group), view is not None, step)
            for group, view, step in zip(
                self.groups, self.found, self.steps.tolist(), strict=True
            )
        ]
        #: The group of each run, its parts of the buffers, and its count of steps.
        self.runs = []
        self.counts = []
        for _, run in groupby(range(len(kinds)), kinds.__getitem__):
            run = list(run)
            first, last = run[0], run[-1]
            if self.found[first] is None:
                continue
            start, end = self.starts[first], self.starts[last + 1]
            parts = [[buffer[start:end]] for buffer in self.buffers.values()]
            steps = self.steps[first : last + 1]
            self.runs.append((self.groups[first], parts, [steps[0]]))
            self.counts.append(steps)
        if all(view is not None for view in self.found):
            self.counts = [self.steps]

    def update(self, divisor):
        """Update the parameters that have gradients, over `divisor`."""
        if divisor is not None:
            divisor = divisor.to(self.one)
        for count in self.counts:
            count.add_(self.one)
        self.n_updates += 1
        for group, parts, steps in self.runs:
            _update(group, parts, steps, divisor)
            if self.n_updates % FLUSH_EVERY == 0:
                _flush(parts[2:], group["eps"])


class Apart:
    """A parameter that is updated where it is; as `Flat` to the optimizer.

    Parameters
    ----------
    parameter : Tensor
    group : dict
        The parameter's group.
    state : dict
        The optimizer's state.
    """

    def __init__(self, parameter, group, state):
        self.parameter = parameter
        self.group = group
        self.entry = state[parameter]
        names = ["exp_avg", "exp_avg_sq"]
        if group["amsgrad"]:
            names.append("max_exp_avg_sq")
        for name in names:
            if name not in self.entry:
                self.entry[name] = torch.zeros_like(parameter, requires_grad=False)
        step = torch.as_tensor(self.entry.get("step", 0.0), dtype=torch.float32)
        self.entry["step"] = step
        self.names = names

    @property
    def gradients(self):
        return self.parameter.grad

    def release(self):
        pass

    def gather(self):
        return True

    @torch.no_grad()
    def update(self, divisor):
        gradient = self.parameter.grad
        if gradient is None:
            return
        _check_dense(gradient)
        moments = [[self.entry[name]] for name in self.names]
        tensors = [[self.parameter], [gradient], *moments]
        self.entry["step"].add_(1)
        _update(self.group, tensors, [self.entry["step"]], divisor, fused=False)


def _flush(moments, eps):
    """Set moments to zero whose effect is lost in rounding."""
    for [moment] in moments:
        least = (0.1 * torch.finfo(moment.dtype).eps * float(eps)) ** 2
        for part in moment.split(FLUSHED_TOGETHER):
            part.masked_fill_(part.abs() < least, 0.0)


def _update(group, tensors, steps, divisor, fused=True):
    """Update lists of tensors, whose steps have been counted already."""
    values, gradients, averages, squares, *largest = tensors
    largest = largest[0] if group["amsgrad"] else []
    tensors = [values, gradients, averages, squares, largest]
    beta1, beta2 = group["betas"]
    settings = {
        "lr": float(group["lr"]),
        "beta1": beta1,
        "beta2": beta2,
        "weight_decay": group["weight_decay"],
        "eps": group["eps"],
        "amsgrad": group["amsgrad"],
        "maximize": group["maximize"],
    }
    if fused and _FUSED is not None:
        _FUSED(*tensors, steps, **settings, grad_scale=divisor, found_inf=None)
        return
    if divisor is not None:
        for gradient in gradients:
            gradient.div_(divisor)
    # It counts the step itself.
    for step in steps:
        step.sub_(1)
    is_complex = any(value.is_complex() for value in values)
    adamw(*tensors, steps, **settings, foreach=False, has_complex=is_complex)

"""Parameters, gradients and moments of AdamW in flat buffers, and their update."""

from itertools import groupby
from operator import is_

import torch
from torch.optim.adamw import adamw

_FUSED = getattr(torch, "_fused_adamw_", None)
# Moments too small to matter are set to zero once in so many steps: those of dead units
# decay into denormal numbers, which take a CPU many times as long.
FLUSH_EVERY = 64


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


def are_same(found, expected):
    """Whether two sized iterables hold the same objects."""
    return len(found) == len(expected) and all(map(is_, found, expected))


def _check_dense(gradient):
    if gradient.is_sparse:
        raise RuntimeError(
            "FlatAdamW does not support sparse gradients, please consider SparseAdam "
            "instead"
        )


class Slot:
    """A parameter's place in the buffers.

    Parameters
    ----------
    parameter : Tensor
    group : dict
        The parameter's group.
    """

    __slots__ = (
        "address",
        "end",
        "entry",
        "gradient",
        "group",
        "has_gradient",
        "parameter",
        "start",
        "tensors",
    )

    def __init__(self, parameter, group):
        self.parameter = parameter
        self.group = group

    def fill(self, start, views, entry):
        """Move the parameter, its gradient and its entry of the state into views."""
        value, self.gradient = views.pop("value"), views.pop("gradient")
        value.copy_(self.parameter.detach())
        self.parameter.data = value
        self.address = value.data_ptr()
        self.start, self.end = start, start + value.numel()
        for name, view in views.items():
            if name in entry:
                view.copy_(torch.as_tensor(entry[name]))
        entry.update(views)
        self.entry, self.tensors = entry, list(entry.values())
        self.has_gradient = False
        if self.parameter.grad is not None:
            self.take_gradient()

    def release(self):
        """Give the parameter and its entry of the state a memory of their own."""
        self.parameter.data = self.parameter.data.clone()
        self.parameter.grad = None
        self.entry.update({name: view.clone() for name, view in self.entry.items()})

    def is_current(self):
        """Whether the parameter and its entry of the state still are the views."""
        return self.parameter.data_ptr() == self.address and are_same(
            self.entry.values(), self.tensors
        )

    def take_gradient(self):
        """Bring a gradient that was made anew, or set to None, into the buffer."""
        gradient = self.parameter.grad
        self.has_gradient = gradient is not None
        if gradient is None:
            # The norm is that of the whole buffer.
            self.gradient.zero_()
        else:
            _check_dense(gradient)
            self.gradient.copy_(gradient)
            self.parameter.grad = self.gradient


class Flat:
    """The buffers of all parameters of one device and one dtype.

    Parameters
    ----------
    slots : list of Slot
        The parameters, group by group.
    state : dict
        The optimizer's state, whose tensors become views of the buffers.
    """

    def __init__(self, slots, state):
        self.slots = slots
        first = slots[0].parameter
        size = sum(slot.parameter.numel() for slot in slots)
        names = ["value", "gradient", "exp_avg", "exp_avg_sq"]
        if any(slot.group["amsgrad"] for slot in slots):
            names.append("max_exp_avg_sq")
        options = {"dtype": first.dtype, "device": first.device}
        self.buffers = {name: torch.zeros(size, **options) for name in names}
        self.gradients = self.buffers["gradient"]
        options["dtype"] = torch.float32
        self.steps = torch.zeros(len(slots), **options)
        # A tensor beside a tensor is faster than a number, which is made one each time.
        self.one = torch.ones((), **options)
        self.n_updates = 0
        start = 0
        for slot, step in zip(slots, self.steps, strict=True):
            # Those that torch gives to what is made like the parameter.
            strides = torch.empty_like(slot.parameter, device="meta").stride()
            views = {
                name: _alone(buffer.as_strided(slot.parameter.shape, strides, start))
                for name, buffer in self.buffers.items()
            }
            slot.fill(start, {**views, "step": _alone(step)}, state[slot.parameter])
            start = slot.end
        self._plan()

    def release(self):
        """Give all tensors a memory of their own."""
        for slot in self.slots:
            slot.release()

    def gather(self):
        """Bring the gradients into the buffer; return whether all else is there."""
        is_planned = True
        for slot in self.slots:
            if not slot.is_current():
                return False
            expected = slot.gradient if slot.has_gradient else None
            if slot.parameter.grad is not expected:
                slot.take_gradient()
                is_planned &= slot.has_gradient == (expected is not None)
        if not is_planned:
            self._plan()
        return True

    def _plan(self):
        """Find the runs of neighbours that are updated alike, in one call."""
        #: The group of each run, and its parts of the buffers.
        self.runs = []
        self.counts = []
        kinds = [
            (id(slot.group), slot.has_gradient, step)
            for slot, step in zip(self.slots, self.steps.tolist(), strict=True)
        ]
        for (_, has_gradient, _), run in groupby(range(len(kinds)), kinds.__getitem__):
            positions = list(run)
            first, last = self.slots[positions[0]], self.slots[positions[-1]]
            if has_gradient:
                parts = [b[first.start : last.end] for b in self.buffers.values()]
                counts = self.steps[positions[0] : positions[-1] + 1]
                self.runs.append((first.group, parts, counts[0]))
                self.counts.append(counts)
        if all(slot.has_gradient for slot in self.slots):
            self.counts = [self.steps]

    def update(self, divisor):
        """Update the parameters that have gradients, over `divisor`."""
        for count in self.counts:
            count.add_(self.one)
        self.n_updates += 1
        for group, parts, step in self.runs:
            _update(group, [[part] for part in parts], [step], divisor)
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
    for moment in moments:
        least = (0.1 * torch.finfo(moment.dtype).eps * float(eps)) ** 2
        moment.masked_fill_(moment.abs() < least, 0.0)


def _update(group, tensors, steps, divisor, fused=True):
    """Update lists of tensors, whose steps have been counted already."""
    values, gradients, averages, squares, *largest = tensors
    largest = largest[0] if group["amsgrad"] else []
    tensors = [values, gradients, averages, squares, largest]
    beta1, beta2 = group["betas"]
    settings = {
        "lr": float(group["lr"]),
        "beta1": float(beta1),
        "beta2": float(beta2),
        "weight_decay": group["weight_decay"],
        "eps": group["eps"],
        "amsgrad": group["amsgrad"],
        "maximize": group["maximize"],
    }
    if divisor is not None:
        divisor = divisor.to(steps[0])
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

"""The gradients of one training step: by autograd, or recorded once and replayed.

On small networks most of a step is autograd's bookkeeping. `record_step` notes the
operations that give the loss and its gradients for one batch; the recorded step then
repeats only those that compute something. It is derived from autograd itself, so it
serves any module that does its work in torch.
"""

import random
from operator import attrgetter, is_

import numpy as np
import torch

from sklearn_ae._training.replay import Recorder, Tape

# What weights are multiplied by when a recorded step is compared with autograd.
OTHER_WEIGHTS = 1.1
_GRADIENT = attrgetter("grad")


def scaled_loss(loss, x):
    """Return what is differentiated: the loss over the number of features.

    So it is near one for data of any width, and clipping means the same for all.
    """
    return loss / x.shape[1]


class PlainStep:
    """Gradients by autograd.

    Parameters
    ----------
    module, criterion, zero_grad
        As for `Steps`.
    """

    def __init__(self, module, criterion, zero_grad):
        self.module = module
        self.criterion = criterion
        self.zero_grad = zero_grad
        self.totals = {}

    def __call__(self, x):
        self.zero_grad()
        terms = self.module(x)
        scaled_loss(self.criterion(terms), x).backward()
        for name, term in terms.items():
            self.totals[name] = self.totals.get(name, 0.0) + term.detach().sum()

    def take_totals(self):
        totals, self.totals = self.totals, {}
        return totals


class RecordedStep:
    """Gradients by replaying recorded operations.

    Parameters
    ----------
    module : nn.Module
        What was recorded.
    x : Tensor
        Where a batch has to be.
    operations : list of (callable, args, kwargs)
        What to do, in order.
    totals : dict of str to Tensor of shape (n_rows,)
        Where the operations sum up the loss terms.
    """

    def __init__(self, module, x, operations, totals):
        self.x = x
        self.operations = operations
        self.graph = None
        self.generator = _own_generator(module)
        self.totals = totals
        self.state = python_state(module)
        self.parameters = list(trainable(module).values())
        self.gradients = [parameter.grad for parameter in self.parameters]
        self.addresses = self._addresses()

    def _addresses(self):
        return list(map(torch.Tensor.data_ptr, self.parameters))

    def is_current(self):
        """Whether parameters still are where they were."""
        return self._addresses() == self.addresses

    def __call__(self, x):
        # Looking takes less time than setting.
        if not all(map(is_, map(_GRADIENT, self.parameters), self.gradients)):
            for parameter, gradient in zip(
                self.parameters, self.gradients, strict=True
            ):
                parameter.grad = gradient
        with torch.no_grad():
            self.x.copy_(x)
            if self.graph is None:
                self._compute()
            else:
                self.graph.replay()

    def _compute(self):
        for function, args, kwargs in self.operations:
            function(*args, **kwargs)

    def capture(self):
        """Make one CUDA graph of the operations, which a GPU runs without the host."""
        graph = torch.cuda.CUDAGraph()
        if self.generator is not None:
            # So that each replay draws on, as torch's own generator does by itself.
            graph.register_generator_state(self.generator)
        with torch.no_grad(), torch.cuda.graph(graph):
            self._compute()
        self.graph = graph

    def take_totals(self):
        totals = {name: total.sum() for name, total in self.totals.items()}
        for total in self.totals.values():
            total.zero_()
        return totals


def trainable(module):
    """Return the parameters that require gradients, by name."""
    return {
        name: parameter
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


def python_state(module):
    """Return what a module may depend on besides parameters and buffers."""
    own = {id(tensor) for tensor in [*module.parameters(), *module.buffers()]}
    attributes = [
        [(name, _fingerprint(value, own)) for name, value in vars(m).items()]
        for m in module.modules()
    ]
    return attributes, list(trainable(module))


def _fingerprint(value, own):
    """Return what shows that an attribute was changed; None where nothing can.

    The values of the module's `own` parameters and buffers, which a recorded step reads
    anew, do not count.
    """
    if isinstance(value, torch.Tensor):
        has_version = not (id(value) in own or value.is_inference())
        return id(value), value._version if has_version else None
    if isinstance(value, tuple | list):
        return [_fingerprint(item, own) for item in value]
    return value if isinstance(value, bool | int | float | str) else None


def _has_hooks(module):
    return any(
        hooks
        for m in module.modules()
        for name, hooks in vars(m).items()
        if name.startswith(("_forward", "_backward")) and isinstance(hooks, dict)
    )


def _other_generators(module):
    if _own_generator(module) is not None:
        # Other threads may move those, this module does not draw from them.
        return None
    # Only read, to see whether a module draws from it.
    _, keys, position, *_ = np.random.get_state()  # noqa: NPY002
    return random.getstate(), keys.tobytes(), position


def _own_generator(module):
    """Return what all draws of a training run come from; None is torch's own."""
    return getattr(module, "training_generator", None)


def _torch_generators(module, device):
    """Return the generators of torch's kind that a step on a device may draw from."""
    own = _own_generator(module)
    if own is not None:
        return [own]
    on_gpu = (
        [torch.cuda.default_generators[device.index]] if device.type == "cuda" else []
    )
    return [torch.default_generator, *on_gpu]


def record_step(plain, x):
    """Record the step of a batch, or return None where that is not possible.

    Neither weights nor buffers nor the states of random generators are changed.
    A recorded step writes into the tensors that are the parameters' gradients now.

    Parameters
    ----------
    plain : PlainStep
        The step to record, its module in training mode.
    x : Tensor of shape (n_rows, n_features)
        A batch; later ones must have its shape.

    Returns
    -------
    step : RecordedStep or None
    """
    module = plain.module
    if _has_hooks(module):
        return None
    tensors = [*module.parameters(), *module.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    sources = _torch_generators(module, x.device)
    positions = [source.get_state() for source in sources]
    state, others = python_state(module), _other_generators(module)

    def restore():
        for source, position in zip(sources, positions, strict=True):
            source.set_state(position)
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)

    try:
        step = _record(plain, x.clone(), restore)
        if x.is_cuda:
            step.capture()
        restore()
        agrees = _agrees(step, plain, x, restore)
    except Exception:
        # Whatever a module does that cannot be repeated, autograd can do it.
        return None
    finally:
        restore()
    # Where a call leaves a trace in Python, a replay would miss it.
    is_pure = state == python_state(module) and others == _other_generators(module)
    return step if agrees and is_pure else None


def _record(plain, x, restore):
    module = plain.module
    parameters = list(trainable(module).values())
    with Tape() as tape:
        terms = module(x)
        gradients = torch.autograd.grad(
            scaled_loss(plain.criterion(terms), x), parameters, allow_unused=True
        )
    restore()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            parameter.grad = None
        elif parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    recorder = Recorder(tape.calls, [*parameters, *module.buffers(), x])
    with torch.no_grad():
        results = recorder.run(
            list(terms.values()),
            [gradient for gradient in gradients if gradient is not None],
            [value.grad for value in parameters if value.grad is not None],
        )
        totals = {
            name: torch.zeros_like(term)
            for name, term in zip(terms, results, strict=True)
        }
    for total, term in zip(totals.values(), results, strict=True):
        recorder.operations.append((total.add_, (term,), {}))
    return RecordedStep(module, x, recorder.operations, totals)


def _agrees(step, plain, x, restore):
    """Whether a recorded step computes what autograd does, with other rows and weights.

    With the same, what was computed outside torch would be taken for constants.
    """
    rows = x[torch.arange(len(x), device=x.device) // 2]
    # Not the given step, which may hold sums of this epoch.
    plain = PlainStep(plain.module, plain.criterion, plain.zero_grad)
    gradients, totals = [], []
    for compute in (step, plain):
        with torch.no_grad():
            for parameter in trainable(plain.module).values():
                parameter.mul_(OTHER_WEIGHTS)
        compute(rows)
        gradients.append(_gradients(plain.module))
        totals.append(compute.take_totals())
        restore()
    return all(
        ours.keys() == theirs.keys()
        and all(map(_is_close, ours.values(), theirs.values()))
        for ours, theirs in (gradients, totals)
    )


def _is_close(a, b):
    least = 1e-5 * (1e-30 + float(b.abs().max()))
    return torch.allclose(a, b, rtol=1e-3, atol=least)


def _gradients(module):
    return {
        name: parameter.grad.clone()
        for name, parameter in trainable(module).items()
        if parameter.grad is not None
    }

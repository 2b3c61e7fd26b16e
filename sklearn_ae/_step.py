"""The gradients of one training step: by autograd, or recorded once and replayed.

On small networks most of a step is autograd's bookkeeping. `record_step` traces the
loss and its gradients for one batch and keeps every tensor of the computation as a
buffer; the recorded step then repeats only the operations that compute something, each
writing into its buffer and the last into the gradients. It is derived from autograd
itself, so it serves any module that can be traced. `Steps` decides which to take.
"""

import random

import numpy as np
import torch
from torch.func import functional_call
from torch.fx import map_arg
from torch.utils._pytree import tree_leaves

# Recording costs as much time as it saves in about so many steps of a small network.
FEWEST_STEPS = 400
# How often to record anew after something has changed, before it is given up.
MOST_RECORDINGS = 3
# Operations whose values depend on nothing but their arguments' shapes.
_FILLED = {"ones_like", "zeros_like", "full_like", "new_zeros", "new_ones", "new_full"}
# Operations that with this second argument give their first.
_IDENTITIES = {("add", 0), ("sub", 0), ("mul", 1), ("div", 1), ("pow", 1)}


def scaled_loss(loss, x):
    """Return what is differentiated: the loss over the number of features.

    So it is near one for data of any width, and clipping means the same for all.
    """
    return loss / x.shape[1]


class Steps:
    """Fills in the gradients of one batch after another and sums up the loss terms.

    Parameters
    ----------
    module : nn.Module
        Gives named loss terms for each row of a batch.
    criterion : callable
        From the terms to the loss.
    zero_grad : callable
        Sets all gradients to zero, in place.
    n_steps : int
        How many steps there will be.
    """

    def __init__(self, module, criterion, zero_grad, n_steps):
        self.module = module
        self.plain = PlainStep(module, criterion, zero_grad)
        self.recorded = None
        self.recordings_left = MOST_RECORDINGS
        self.steps_left = n_steps
        self.sums = {}

    def begin_epoch(self):
        """See whether the module still is what was recorded."""
        if self.recorded is not None and self.recorded.state != _state(self.module):
            self._discard()

    def _discard(self):
        self._collect(self.recorded)
        self.recorded = None

    def __call__(self, x):
        """Fill in the gradients of a batch."""
        step = self.recorded
        if step is not None and not step.is_current():
            self._discard()
            step = None
        if step is None and self._pays(x):
            self.recordings_left -= 1
            step = self.recorded = record_step(self.plain, x)
            if step is None:
                self.recordings_left = 0
        self.steps_left -= 1
        if step is None or step.x.shape != x.shape:
            step = self.plain
        step(x)

    def _pays(self, x):
        return (
            self.recordings_left > 0
            and self.steps_left >= FEWEST_STEPS
            and x.device.type == "cpu"
        )

    def _collect(self, step):
        for name, total in step.take_totals().items():
            self.sums[name] = self.sums.get(name, 0.0) + total

    def take_sums(self):
        """Return the sums of the loss terms over all rows since the last call."""
        self._collect(self.plain)
        if self.recorded is not None:
            self._collect(self.recorded)
        sums, self.sums = self.sums, {}
        return sums


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
        self.totals = totals
        self.state = _state(module)
        self.tensors = [
            (parameter, parameter.data_ptr(), parameter.grad)
            for parameter in trainable(module).values()
        ]

    def is_current(self):
        """Whether parameters and gradients still are where they were."""
        return all(
            parameter.data_ptr() == address and parameter.grad is gradient
            for parameter, address, gradient in self.tensors
        )

    def __call__(self, x):
        with torch.no_grad():
            self.x.copy_(x)
            for function, args, kwargs in self.operations:
                function(*args, **kwargs)

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


def _state(module):
    """Return what a module's computation may depend on besides its tensors' values."""
    plain = (bool, int, float, str, tuple, type(None))
    return [
        [(name, value) for name, value in vars(m).items() if isinstance(value, plain)]
        for m in module.modules()
    ] + [list(trainable(module))]


def _has_hooks(module):
    return any(
        hooks
        for m in module.modules()
        for name, hooks in vars(m).items()
        if name.startswith(("_forward", "_backward")) and isinstance(hooks, dict)
    )


def _generators():
    return random.getstate(), repr(np.random.get_state())


def record_step(plain, x):
    """Record the step of a batch, or return None where that is not possible.

    Neither weights nor buffers nor the state of torch's random generator are changed.
    Parameters without gradients get them; a recorded step writes into these tensors.

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
    buffers = {name: b.clone() for name, b in module.named_buffers()}
    random_state = torch.get_rng_state()
    state, generators = _state(module), _generators()

    def restore():
        torch.set_rng_state(random_state)
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                buffer.copy_(buffers[name])

    for parameter in trainable(module).values():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    try:
        step = _record(plain, x.clone(), restore)
        restore()
        agrees = _agrees(step, plain, x, restore)
    except Exception:
        # Whatever a module does that cannot be traced, autograd can do it.
        return None
    finally:
        restore()
    # Where a call leaves a trace in Python, a replay would miss it.
    is_pure = state == _state(module) and generators == _generators()
    return step if agrees and is_pure else None


def _record(plain, x, restore):
    # Imported here: it takes a while, and short fits never need it.
    from torch.fx.experimental.proxy_tensor import make_fx

    module = plain.module
    parameters = trainable(module)
    buffers = dict(module.named_buffers())
    names = []

    def terms_and_gradients(parameters, buffers, x):
        terms = functional_call(module, {**parameters, **buffers}, (x,))
        names[:] = terms
        gradients = torch.autograd.grad(
            scaled_loss(plain.criterion(terms), x),
            list(parameters.values()),
            allow_unused=True,
            materialize_grads=True,
        )
        return [term.detach() for term in terms.values()], gradients

    leaves = {
        name: value.detach().requires_grad_() for name, value in parameters.items()
    }
    graph = make_fx(terms_and_gradients)(leaves, buffers, x).graph
    restore()
    recorder = _Recorder([*leaves.values(), *buffers.values(), x])
    with torch.no_grad():
        terms = recorder.run(graph, [value.grad for value in parameters.values()])
        totals = {
            name: torch.zeros_like(term)
            for name, term in zip(names, terms, strict=True)
        }
    for total, term in zip(totals.values(), terms, strict=True):
        recorder.operations.append((total.add_, (term,), {}))
    return RecordedStep(module, x, recorder.operations, totals)


def _agrees(step, plain, x, restore):
    """Whether a recorded step computes what autograd does on a batch."""
    gradients, totals = [], []
    for compute in (step, plain):
        compute(x)
        gradients.append([g.clone() for g in _gradients(plain.module)])
        totals.append(list(compute.take_totals().values()))
        restore()
    return all(
        torch.allclose(a, b, rtol=1e-3, atol=1e-5 * (1e-30 + float(b.abs().max())))
        for found in (gradients, totals)
        for a, b in zip(*found, strict=True)
    )


def _gradients(module):
    return [parameter.grad for parameter in trainable(module).values()]


class _Recorder:
    """Runs a traced graph once and notes what has to be done again.

    Parameters
    ----------
    inputs : list of Tensor
        The tensors of the graph's placeholders; they are read anew in each replay.

    Attributes
    ----------
    operations : list of (callable, args, kwargs)
        What a replay has to do.
    """

    def __init__(self, inputs):
        self.inputs = iter(inputs)
        self.values = {}
        self.changing = set()
        self.operations = []

    def run(self, graph, targets):
        """Run the graph; have its gradients written into `targets`, return the rest."""
        needed = _needed(graph)
        for node in graph.nodes:
            if node.op == "placeholder":
                self.values[node] = next(self.inputs)
                self.changing.add(node)
            elif node.op == "get_attr":
                self.values[node] = getattr(graph.owning_module, node.target)
            elif node.op == "call_function":
                self._call(node, node in needed)
        results = tree_leaves(map_arg(graph.output_node().args, self.values.get))
        n_terms = len(results) - len(targets)
        for value, target in zip(results[n_terms:], targets, strict=True):
            self._deliver(value, target)
        return results[:n_terms]

    def _call(self, node, is_needed):
        function = node.target
        args = map_arg(node.args, self.values.get)
        kwargs = map_arg(node.kwargs, self.values.get)
        changes = any(source in self.changing for source in node.all_input_nodes)
        if _is_identity(function, args):
            value = args[0]
        else:
            args = _with_tensors_for_numbers(function, args)
            value = function(*args, **kwargs)
        self.values[node] = value
        if not is_needed:
            return
        schema = getattr(function, "_schema", None)
        if schema is not None and schema.is_mutable:
            self._note(node, function, args, kwargs)
        elif schema is None or _shares_memory(value, (args, kwargs)):
            # A view of what is there already, or an item of a tuple.
            if changes:
                self.changing.add(node)
        elif changes or torch.Tag.nondeterministic_seeded in function.tags:
            self._compute(node, function, args, kwargs, value)

    def _compute(self, node, function, args, kwargs, value):
        out = _out_variant(function) if isinstance(value, torch.Tensor) else None
        if out is None:
            self._note(node, _copying, (function, args, kwargs, value), {})
            return
        kept = {k: v for k, v in kwargs.items() if k in _argument_names(out)}
        self._note(node, out, args, {**kept, _out_name(out): value})

    def _note(self, node, function, args, kwargs):
        self.changing.add(node)
        self.operations.append((function, args, kwargs))

    def _deliver(self, value, target):
        """Let an operation write into a gradient, or copy its result there."""
        writers = [
            kwargs[name]
            for function, _, kwargs in self.operations
            for name in (_out_name(function),)
            if name in kwargs and _same_memory(kwargs[name], value)
        ]
        readers = [
            argument
            for _, args, kwargs in self.operations
            for argument in tree_leaves((args, kwargs))
            if isinstance(argument, torch.Tensor) and _same_memory(argument, value)
        ]
        alike = (value.shape, value.stride()) == (target.shape, target.stride())
        # The writer's own buffer is the one reader that is no reader.
        if alike and len(writers) == 1 and len(readers) == 1:
            buffer = writers[0]
            if buffer.is_contiguous() and buffer.numel() == target.numel():
                buffer.set_(
                    target.untyped_storage(),
                    target.storage_offset(),
                    buffer.shape,
                    buffer.stride(),
                )
                return
        self.operations.append((target.copy_, (value,), {}))


def _needed(graph):
    """Return the nodes whose values reach the results, or change what is given."""
    needed = set()
    for node in reversed(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        is_mutable = schema is not None and schema.is_mutable
        if node.op == "output" or is_mutable or any(u in needed for u in node.users):
            is_filled = schema is not None and _name(node.target) in _FILLED
            if not is_filled:
                needed.add(node)
    return needed


def _name(function):
    return function.overloadpacket.__name__


def _is_identity(function, args):
    return (
        hasattr(function, "overloadpacket")
        and len(args) == 2
        and isinstance(args[1], int | float)
        and isinstance(args[0], torch.Tensor)
        and args[0].is_floating_point()
        and (_name(function), args[1]) in _IDENTITIES
    )


def _with_tensors_for_numbers(function, args):
    """Replace numbers given for tensors: they would be converted in every call."""
    dtypes = [a.dtype for a in args if isinstance(a, torch.Tensor)]
    if not dtypes or not dtypes[0].is_floating_point:
        return args
    types = [str(argument.type) for argument in _arguments(function)]
    return tuple(
        torch.tensor(value, dtype=dtypes[0])
        if kind == "Tensor" and isinstance(value, int | float)
        else value
        for value, kind in zip(args, types, strict=False)
    )


def _copying(function, args, kwargs, value):
    """Do an operation that cannot write into given tensors, and copy its results."""
    pairs = zip(
        tree_leaves(value), tree_leaves(function(*args, **kwargs)), strict=True
    )
    for kept, new in pairs:
        if isinstance(kept, torch.Tensor):
            kept.copy_(new)


def _same_memory(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _shares_memory(value, arguments):
    """Whether a result is made of its arguments' memory."""
    results = [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]
    return any(
        isinstance(argument, torch.Tensor) and _same_memory(argument, result)
        for argument in tree_leaves(arguments)
        for result in results
    )


def _arguments(function):
    schema = getattr(function, "_schema", None)
    return [] if schema is None else schema.arguments


def _argument_names(function):
    return {argument.name for argument in _arguments(function)}


def _out_name(function):
    """Return the name of an out variant's output argument, or None."""
    names = [argument.name for argument in _arguments(function) if argument.is_out]
    return names[0] if len(names) == 1 else None


def _out_variant(function):
    """Return the variant of an operation that writes into a given tensor, or None."""
    inputs = [str(argument.type) for argument in _arguments(function)]
    packet = function.overloadpacket
    for name in packet.overloads():
        candidate = getattr(packet, name)
        if _out_name(candidate) is None:
            continue
        # Options such as the dtype of a new tensor are the given tensor's own.
        given = [str(a.type) for a in _arguments(candidate) if not a.is_out]
        if given == inputs[: len(given)]:
            return candidate
    return None

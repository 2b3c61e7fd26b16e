"""From the operations of one step to those that have to be done again for each batch.

Every tensor of the computation is kept as a buffer that its operation writes into, the
last ones into the gradients; views, constants and what nothing reads are done once.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Operations whose values depend on nothing but their arguments' shapes.
_FILLED = {"ones_like", "zeros_like", "full_like", "new_zeros", "new_ones", "new_full"}
# Operations that with this second argument give their first.
_IDENTITIES = {("add", 0), ("sub", 0), ("mul", 1), ("div", 1), ("pow", 1)}
# Their results are numbers for Python, or of a size that the values decide.
_UNREPEATABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


@dataclass(slots=True)
class Call:
    """An operation of torch, its arguments and its result."""

    function: Any
    args: tuple
    kwargs: dict
    value: Any

    @property
    def inputs(self):
        """Tensors among the arguments."""
        return _tensors((self.args, self.kwargs))

    @property
    def outputs(self):
        """Tensors of the result."""
        return _tensors(self.value)

    @property
    def is_mutable(self):
        """Whether it changes one of its arguments in place."""
        return self.function._schema.is_mutable

    @property
    def is_filled(self):
        """Whether the values of its arguments do not matter."""
        return _name(self.function) in _FILLED


class Tape(TorchDispatchMode):
    """Notes the operations inside a block, those of autograd's backward pass as well.

    Attributes
    ----------
    calls : list of Call
        The operations, in order. They hold all tensors, so none shares the memory of
        one that was there before.
    """

    def __init__(self):
        super().__init__()
        self.calls = []

    @classmethod
    def _should_skip_dynamo(cls):
        # To keep torch's compiler off it would be imported, which takes seconds.
        return False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        value = function(*args, **kwargs)
        self.calls.append(Call(function, args, kwargs, value))
        return value


class Recorder:
    """Does noted operations again and finds out which of them a replay has to do.

    Parameters
    ----------
    calls : list of Call
        What was noted.
    inputs : list of Tensor
        The tensors that may change between replays: they are read anew in each.

    Attributes
    ----------
    operations : list of (callable, args, kwargs)
        What a replay has to do.
    """

    def __init__(self, calls, inputs):
        self.calls = calls
        #: Own tensors, by the identity of those on the tape.
        self.values = {id(tensor): tensor.detach() for tensor in inputs}
        self.changing = {id(tensor) for tensor in inputs}
        self.operations = []
        self.written = []

    def run(self, results, gradients, targets):
        """Do the operations, have `gradients` written into `targets`.

        Parameters
        ----------
        results, gradients : list of Tensor
            Tensors on the tape.
        targets : list of Tensor
            Where the gradients go.

        Returns
        -------
        results : list of Tensor
            Own tensors that every replay fills.
        """
        needed = _needed(self.calls, [*results, *gradients])
        # What is changed in place must be nobody else's memory.
        self.skips_identities = not any(call.is_mutable for call in self.calls)
        for position, call in enumerate(self.calls):
            self._call(call, position in needed)
        for gradient, target in zip(gradients, targets, strict=True):
            self._deliver(self._own(gradient), target)
        return [self._own(result) for result in results]

    def _own(self, tree):
        if isinstance(tree, torch.Tensor):
            return self.values.get(id(tree), tree)
        if isinstance(tree, dict):
            return {name: self._own(branch) for name, branch in tree.items()}
        if isinstance(tree, tuple | list):
            return type(tree)(self._own(branch) for branch in tree)
        return tree

    def _call(self, call, is_needed):
        function = call.function
        args, kwargs = self._own(call.args), self._own(call.kwargs)
        changes = any(id(source) in self.changing for source in call.inputs)
        if changes and _UNREPEATABLE.intersection(function.tags):
            raise ValueError(f"{function} depends on the values of a batch")
        turns_view = torch.Tag.inplace_view in function.tags
        if turns_view:
            # Of a view of its own: what was computed is to keep its shape.
            value = function(args[0].detach(), *args[1:], **kwargs)
        elif self.skips_identities and not kwargs and _is_identity(function, args):
            value = args[0]
        else:
            args = _with_tensors_for_numbers(function, args)
            value = function(*args, **kwargs)
        for original, own in zip(call.outputs, _tensors(value), strict=True):
            self.values[id(original)] = own
        is_drawn = torch.Tag.nondeterministic_seeded in function.tags
        varies = not call.is_filled and (changes or is_drawn or call.is_mutable)
        if varies:
            self.changing.update(id(output) for output in call.outputs)
        if turns_view or not (varies and is_needed):
            return
        if call.is_mutable:
            self.operations.append((function, args, kwargs))
        elif not _shares_memory(value, (args, kwargs)):
            self._compute(function, args, kwargs, value)

    def _compute(self, function, args, kwargs, value):
        out = _out_variant(function) if isinstance(value, torch.Tensor) else None
        if out is None:
            self.operations.append((_copying, (function, args, kwargs, value), {}))
            return
        kept = {k: v for k, v in kwargs.items() if k in _argument_names(out)}
        writing = _binding(out, args, kept, value) or out
        self.operations.append((writing, args, {**kept, _out_name(out): value}))
        self.written.append(value)

    def _deliver(self, value, target):
        """Let an operation write into a gradient, or copy its result there."""
        writers = [buffer for buffer in self.written if _same_memory(buffer, value)]
        readers = [
            argument
            for _, args, kwargs in self.operations
            for argument in _tensors((args, kwargs))
            if _same_memory(argument, value)
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


def _needed(calls, results):
    """Return the positions of calls whose values reach the results, or change others.

    Parameters
    ----------
    calls : list of Call
    results : list of Tensor
        Tensors on the tape.
    """
    read = {id(result) for result in results}
    needed = set()
    for position, call in reversed(list(enumerate(calls))):
        is_read = any(id(output) in read for output in call.outputs)
        if (is_read or call.is_mutable) and not call.is_filled:
            needed.add(position)
            read.update(id(source) for source in call.inputs)
    return needed


def _tensors(tree):
    """Return the tensors in an operation's arguments or results, in order."""
    # By hand: for the few kinds of containers there are, torch's pytree takes ten times
    # as long.
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, tuple | list):
        return []
    return [tensor for branch in tree for tensor in _tensors(branch)]


def _name(function):
    return function.overloadpacket.__name__


def _is_identity(function, args):
    return (
        len(args) == 2
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
    found = function(*args, **kwargs)
    for kept, new in zip(_tensors(value), _tensors(found), strict=True):
        kept.copy_(new)


def _same_memory(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _shares_memory(value, arguments):
    """Whether a result is made of its arguments' memory."""
    return any(
        _same_memory(argument, result)
        for argument in _tensors(arguments)
        for result in _tensors(value)
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


def _binding(out, args, kwargs, value):
    """Return torch's own function for an out variant, or None.

    It takes half the time of the same operation under `torch.ops`, whose arguments are
    converted by a general rule.
    """
    name = _name(out)
    function = getattr(torch, name, None) or getattr(torch._C._nn, name, None)
    if function is None or torch.Tag.nondeterministic_seeded in out.tags:
        return None
    found = torch.empty_like(value)
    try:
        function(*args, **kwargs, out=found)
    except (TypeError, RuntimeError):
        return None
    return function if torch.equal(found, value) else None


def _out_variant(function):
    """Return the variant of an operation that writes into a given tensor, or None."""
    inputs = [str(argument.type) for argument in _arguments(function)]
    packet = function.overloadpacket
    for name in packet.overloads():
        candidate = getattr(packet, name)
        if _out_name(candidate) is None:
            continue
        if "generator" in _argument_names(function) - _argument_names(candidate):
            continue
        # Options such as the dtype of a new tensor are the given tensor's own.
        given = [str(a.type) for a in _arguments(candidate) if not a.is_out]
        if given == inputs[: len(given)]:
            return candidate
    return None

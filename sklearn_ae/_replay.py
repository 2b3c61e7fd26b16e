"""From a traced graph to the operations that have to be done again for each batch.

Every tensor of the computation is kept as a buffer that its operation writes into, the
last ones into the gradients; views, constants and what nothing reads are done once.
"""

import torch
from torch.fx import map_arg
from torch.utils._pytree import tree_leaves

# Operations whose values depend on nothing but their arguments' shapes.
_FILLED = {"ones_like", "zeros_like", "full_like", "new_zeros", "new_ones", "new_full"}
# Operations that with this second argument give their first.
_IDENTITIES = {("add", 0), ("sub", 0), ("mul", 1), ("div", 1), ("pow", 1)}


class Recorder:
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
        # What is changed in place must be nobody else's memory.
        self.skips_identities = not any(_is_mutable(node) for node in graph.nodes)
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
        if self.skips_identities and not kwargs and _is_identity(function, args):
            value = args[0]
        else:
            args = _with_tensors_for_numbers(function, args)
            value = function(*args, **kwargs)
        self.values[node] = value
        if not is_needed:
            return
        if _is_mutable(node):
            self._note(node, function, args, kwargs)
        elif not hasattr(function, "_schema") or _shares_memory(value, (args, kwargs)):
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
        is_read = node.op == "output" or any(user in needed for user in node.users)
        is_filled = hasattr(node.target, "_schema") and _name(node.target) in _FILLED
        if (is_read or _is_mutable(node)) and not is_filled:
            needed.add(node)
    return needed


def _is_mutable(node):
    """Whether a node changes one of its arguments in place."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


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
    pairs = zip(tree_leaves(value), tree_leaves(function(*args, **kwargs)), strict=True)
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

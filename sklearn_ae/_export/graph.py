"""From objects to plain values and arrays, and back, for what `known` lists.

A value is a JSON scalar, or a list of one number: the place of an object in a table of
objects. So what is shared stays shared, and nothing is nested. An entry of the table is
a list of its kind, which is a method here, and of what that kind needs.
"""

import copyreg
import re
from collections import OrderedDict, defaultdict
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_array

from sklearn_ae._export.container import is_storable
from sklearn_ae._export.known import BY_NAME, MAPPINGS, name_of
from sklearn_ae._training.net import Net

PLAIN = (type(None), bool, int, float, str)
KEYS = (*PLAIN, torch.Tensor)
SCALARS = {
    kind.__name__: kind
    for kind in (
        np.float64, np.float32, np.float16, np.int64, np.int32, np.int16, np.int8,
        np.uint64, np.uint32, np.uint16, np.uint8, np.bool_, np.str_,
    )
}  # fmt: skip
SEQUENCES = {"list": list, "tuple": tuple, "set": set, "size": torch.Size}
DTYPES = {
    str(kind): kind
    for kind in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
        torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip
# Layers within layers of a network are four objects each.
DEEPEST = 100


class NotStorable(TypeError):
    """An object is of a kind that no file may name."""


class Writer:
    """Takes objects apart.

    Attributes
    ----------
    objects : list
        The table.
    arrays : dict of str to ndarray
    """

    def __init__(self):
        self.objects = []
        self.arrays = {}
        self._places = {}
        # So that no id is given to a second object.
        self._seen = []

    def value(self, thing):
        """Return an object as a value, and put it and its parts into the table.

        Raises
        ------
        NotStorable
            If the object or a part of it is not of a kind in the list.
        """
        if type(thing) in PLAIN:
            return thing
        if id(thing) not in self._places:
            self._places[id(thing)] = place = len(self.objects)
            self._seen.append(thing)
            self.objects.append(None)
            self.objects[place] = self._entry(thing)
        return [self._places[id(thing)]]

    def _entry(self, thing):
        kind = type(thing)
        for name, sequence in SEQUENCES.items():
            if kind is sequence:
                # Sets in one order, so that the same estimator is the same file.
                items = sorted(thing, key=repr) if kind is set else thing
                return ["sequence", name, [self.value(item) for item in items]]
        if kind in (dict, OrderedDict, defaultdict):
            return self._mapping(thing)
        if kind in SCALARS.values():
            return ["scalar", kind.__name__, thing.item()]
        make = _ENTRIES.get(kind)
        if make is not None:
            return make(self, thing)
        name = name_of(thing)
        return self._instance(thing) if name is None else ["known", name]

    def _mapping(self, thing):
        if type(thing) is defaultdict and thing.default_factory is not dict:
            raise NotStorable(f"a dict with the default {thing.default_factory!r}")
        if not all(isinstance(key, KEYS) for key in thing):
            raise NotStorable("a dict whose keys are no plain values")
        name = {dict: "dict", OrderedDict: "ordered", defaultdict: "default"}
        items = [[self.value(key), self.value(item)] for key, item in thing.items()]
        return ["mapping", name[type(thing)], items]

    def _numbers(self, array):
        if not is_storable(array):
            raise NotStorable(f"an array of {array.dtype}")
        name = f"a{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def _array(self, array):
        if array.dtype == object or array.dtype.kind == "U":
            values = [self.value(value) for value in array.ravel().tolist()]
            return ["texts", array.dtype.kind, list(array.shape), values]
        # Products of transposed arrays are summed up in another order.
        is_turned = array.flags.f_contiguous and not array.flags.c_contiguous
        return ["array", self._numbers(array.T if is_turned else array), is_turned]

    def _tensor(self, tensor):
        if tensor.layout is not torch.strided:
            raise NotStorable(f"a tensor of {tensor.layout}")
        values = tensor.detach()
        strides = values.stride()
        order = sorted(range(values.ndim), key=lambda axis: -strides[axis])
        if values.is_contiguous() or not values.permute(order).is_contiguous():
            order = list(range(values.ndim))
        values = values.permute(order).contiguous().cpu()
        dtype = str(values.dtype)
        if values.dtype is torch.bfloat16:
            values = values.view(torch.int16)
        is_parameter = type(tensor) is torch.nn.Parameter
        facts = [dtype, str(tensor.device), order, tensor.requires_grad, is_parameter]
        return ["tensor", self._numbers(values.numpy()), *facts]

    def _random_state(self, stream):
        state = stream.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise NotStorable(f"a RandomState of {state['bit_generator']}")
        inner = state["state"]
        gauss = [int(state["has_gauss"]), float(state["gauss"])]
        return ["stream", self._numbers(inner["key"]), int(inner["pos"]), *gauss]

    def _partial(self, thing):
        parts = thing.func, thing.args, thing.keywords
        return ["partial", *map(self.value, parts)]

    def _sparse(self, matrix):
        numbers = matrix.data, matrix.indices, matrix.indptr
        return ["sparse", list(matrix.shape), *map(self._numbers, numbers)]

    def _instance(self, thing):
        kind = type(thing)
        name = name_of(kind)
        if name is None or isinstance(thing, type):
            what = getattr(thing, "__qualname__", kind.__qualname__)
            raise NotStorable(f"{what} of {getattr(thing, '__module__', 'builtins')}")
        if kind is Net:
            # skorch would pickle the module.
            thing._release()
            return ["instance", name, self.value(dict(vars(thing))), None]
        make, arguments, state, items, _ = (*thing.__reduce_ex__(4), None, None)[:5]
        if make is not copyreg.__newobj__ or arguments != (kind,):
            raise NotStorable(f"{kind.__qualname__} of {kind.__module__}")
        items = None if items is None else self.value(list(items))
        return ["instance", name, self.value(state), items]


_ENTRIES = {
    np.ndarray: Writer._array,
    np.memmap: Writer._array,
    torch.Tensor: Writer._tensor,
    torch.nn.Parameter: Writer._tensor,
    np.random.RandomState: Writer._random_state,
    csr_array: Writer._sparse,
    partial: Writer._partial,
    torch.device: lambda _, device: ["device", str(device)],
    torch.dtype: lambda _, dtype: ["dtype", str(dtype)],
    slice: lambda self, s: ["slice", *map(self.value, (s.start, s.stop, s.step))],
}


def present(device):
    """Return the device of a name, or the CPU where this machine has none such."""
    if not re.fullmatch(r"cpu|(cuda|mps)(:\d{1,3})?", device):
        raise ValueError(f"it names the device {device!r}")
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        return torch.device("cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        return torch.device("cpu")
    return torch.device(device)


class Reader:
    """Puts objects together again.

    Parameters
    ----------
    objects : list
        The table.
    arrays : dict of str to ndarray
        Each is taken once.
    """

    def __init__(self, objects, arrays):
        self._objects = objects
        self._arrays = dict(arrays)
        self._made = {}
        self._depth = 0

    def value(self, value):
        """Return what a value stands for.

        Raises
        ------
        Exception
            Whatever comes of a table that no `Writer` wrote.
        """
        if type(value) in PLAIN:
            return value
        (place,) = value
        if place not in self._made:
            if self._depth == DEEPEST:
                raise ValueError("its objects are nested too deeply")
            kind, *parts = self._objects[place]
            self._depth += 1
            make = _KINDS[kind]
            self._made[place] = make(self, place, *parts)
            self._depth -= 1
        return self._made[place]

    def _sequence(self, place, name, values):
        kind = SEQUENCES[name]
        if kind is list:
            # A list may be in one of its own parts.
            self._made[place] = made = []
            made.extend(map(self.value, values))
            return made
        if kind is set and not all(type(value) in PLAIN for value in values):
            raise ValueError("a set has other than plain values")
        return kind([self.value(value) for value in values])

    def _mapping(self, place, name, items):
        self._made[place] = made = MAPPINGS[name]()
        for key, value in items:
            key = self.value(key)
            if not isinstance(key, KEYS):
                raise ValueError("a key is no plain value")
            made[key] = self.value(value)
        return made

    def _scalar(self, place, name, value):
        return SCALARS[name](value)

    def _known(self, place, name):
        return BY_NAME[name]

    def _array(self, place, name, is_turned):
        numbers = self._arrays.pop(name)
        return numbers.T if is_turned else numbers

    def _texts(self, place, kind, shape, values):
        values = [self.value(value) for value in values]
        if kind == "U":
            return np.array(values, dtype=str).reshape(shape)
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made.reshape(shape)

    def _tensor(self, place, name, dtype, device, order, needs_grad, is_parameter):
        values = torch.from_numpy(self._arrays.pop(name))
        if DTYPES[dtype] is torch.bfloat16:
            values = values.view(torch.bfloat16)
        if values.dtype is not DTYPES[dtype]:
            raise ValueError(f"a tensor is of {values.dtype} and not {dtype}")
        back = [order.index(axis) for axis in range(len(order))]
        values = values.permute(back).to(present(device))
        if is_parameter:
            return torch.nn.Parameter(values, requires_grad=bool(needs_grad))
        return values.requires_grad_(bool(needs_grad))

    def _stream(self, place, name, position, has_gauss, gauss):
        key = self._arrays.pop(name)
        # Nobody else checks it: NumPy would read memory that is not the stream's.
        if key.shape != (624,) or key.dtype != np.uint32 or not 0 <= position <= 624:
            raise ValueError("a random stream has another size")
        made = np.random.RandomState(0)
        inner = {"key": key, "pos": position}
        state = {"bit_generator": "MT19937", "state": inner}
        made.set_state({**state, "has_gauss": has_gauss, "gauss": gauss})
        return made

    def _partial(self, place, *values):
        function, arguments, keywords = map(self.value, values)
        return partial(function, *arguments, **keywords)

    def _sparse(self, place, shape, *names):
        numbers = tuple(self._arrays.pop(name) for name in names)
        matrix = csr_array(numbers, shape=tuple(shape))
        # Else its products would read memory that is not the matrix's.
        matrix.check_format(full_check=True)
        return matrix

    def _device(self, place, name):
        return present(name)

    def _dtype(self, place, name):
        return DTYPES[name]

    def _slice(self, place, *values):
        return slice(*map(self.value, values))

    def _instance(self, place, name, state, items):
        kind = BY_NAME[name]
        if not isinstance(kind, type):
            raise ValueError(f"{name} is no class")
        self._made[place] = made = kind.__new__(kind)
        if items is not None:
            made.extend(self.value(items))
        state = self.value(state)
        if kind is Net:
            state["device"] = str(present(state["device"]))
            vars(made).update(state)
        elif state is not None and hasattr(made, "__setstate__"):
            made.__setstate__(state)
        elif state is not None:
            vars(made).update(state)
        return made


_KINDS = {
    kind: getattr(Reader, f"_{kind}")
    for kind in (
        "sequence", "mapping", "scalar", "known", "array", "texts", "tensor", "stream",
        "partial", "sparse", "device", "dtype", "slice", "instance",
    )
}  # fmt: skip

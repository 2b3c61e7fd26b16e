"""Converters of both estimators for skl2onnx, which converts whole pipelines."""

from sklearn_ae._estimators.autoencoder import AutoencoderTransformer
from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._export.onnx import model_of, needed


def register():
    """Tell skl2onnx of both estimators."""
    skl2onnx = needed("skl2onnx", "register_converters")
    for kind in (AutoencoderTransformer, VAETransformer):
        skl2onnx.update_registered_converter(
            kind, f"SklearnAe{kind.__name__}", _set_shapes, _convert
        )


def _set_shapes(operator):
    """Say what comes out: codes, as many as rows go in, in the dtype of these.

    What follows in a pipeline goes by the dtype that went into it.
    """
    types = needed("skl2onnx.common.data_types", "register_converters")
    given = operator.inputs[0]
    kind = type(types.guess_tensor_type(given.type))
    width = operator.raw_operator.n_components_
    operator.outputs[0].type = kind([given.get_first_dimension(), width])


def _convert(scope, operator, container):
    """Put the encoder's graph between the inputs and the output of an operator."""
    onnx = needed("onnx", "register_converters")
    types = needed("skl2onnx.common.data_types", "register_converters")
    opset = container.target_opset_any_domain("")
    model = model_of(operator.raw_operator, "encoder", opset)
    _check_version(model, opset)
    # Of several autoencoders in a pipeline each has names of its own.
    prefix = scope.get_unique_variable_name("autoencoder") + "_"
    graph = onnx.compose.add_prefix(model, prefix).graph
    rows, codes = graph.input[0], graph.output[0]
    for tensor in graph.initializer:
        container.add_initializer(tensor.name, None, None, tensor)
    columns = []
    for variable in operator.inputs:
        columns.append(scope.get_unique_variable_name(f"{variable.full_name}_cast"))
        kind = rows.type.tensor_type.elem_type
        _cast(container, variable.full_name, columns[-1], kind)
    container.add_node("Concat", columns, rows.name, axis=1, op_version=13)
    for node in graph.node:
        attributes = {
            attribute.name: onnx.helper.get_attribute_value(attribute)
            for attribute in node.attribute
        }
        container.add_node(
            node.op_type,
            list(node.input),
            list(node.output),
            op_domain=node.domain,
            op_version=opset,
            name=node.name,
            **attributes,
        )
    (found,) = operator.outputs
    is_double = isinstance(found.type, types.DoubleTensorType)
    kind = onnx.TensorProto.DOUBLE if is_double else onnx.TensorProto.FLOAT
    _cast(container, codes.name, found.full_name, kind)


def _check_version(model, opset):
    """Raise ValueError where torch could not export to a version of the operators."""
    (exported,) = (each.version for each in model.opset_import if not each.domain)
    if exported != opset:
        raise ValueError(
            f"target_opset={opset} is not a version of ONNX's operators that torch "
            f"exports an autoencoder to; set it to {exported}."
        )


def _cast(container, name, result, kind):
    """Add a cast of a variable to a type of ONNX's."""
    container.add_node("Cast", name, result, to=kind, op_version=13)

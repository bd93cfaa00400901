#!/usr/bin/env python3
"""Makes the ONNX files of this folder (needs the onnx package). Their weights are external and absent: `plimsoll bench
--random-weights` fills them.

gemm_{bf16,f32}: four square products in a row, bound by arithmetic.
memory_{f32,bf16}: elementwise, softmax, layer normalization and transpose over a tensor far larger than a GPU's L2, each
bound by memory.
"""
import pathlib

from onnx import TensorProto, helper, save_model

HERE = pathlib.Path(__file__).resolve().parent


def weight(name, shape, dtype, size):
    tensor = TensorProto(name=name, data_type=dtype, dims=shape, data_location=TensorProto.EXTERNAL)
    length = size
    for dim in shape:
        length *= dim
    for key, value in (("location", "weights.data"), ("offset", weight.offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    weight.offset += length
    return tensor


def model(name, nodes, inputs, outputs, weights):
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9, producer_name="plimsoll tests")
    save_model(made, HERE / f"{name}.onnx")


def gemm(name, dtype, size):
    """y = sum over rows of (((x + w0) w1) w2) w3) w4, with x one row."""
    weight.offset = 0
    n = 8192
    weights = [weight(f"w{i}", [n, n], dtype, size) for i in range(5)]
    nodes = [helper.make_node("Add", ["x", "w0"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{i}", f"w{i + 1}"], [f"h{i + 1}"], name=f"gemm{i}") for i in range(4)]
    nodes.append(helper.make_node("ReduceSum", ["h4", "axis"], ["y"], keepdims=0))
    weights.append(helper.make_tensor("axis", TensorProto.INT64, [1], [0]))
    model(name, nodes, [helper.make_tensor_value_info("x", dtype, [1, n])],
          [helper.make_tensor_value_info("y", dtype, [n])], weights)


def memory(name, dtype, size):
    """y = column sums of transpose(norm(softmax(gelu(x + w)))): each step reads and writes the whole tensor once."""
    weight.offset = 0
    rows, columns = 32768, 4096
    weights = [weight("w", [rows, columns], dtype, size), weight("gain", [columns], dtype, size),
               weight("offset", [columns], dtype, size)]
    nodes = [
        helper.make_node("Add", ["x", "w"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], name="transpose", perm=[1, 0]),
        helper.make_node("Reshape", ["b", "shape"], ["c"]),
        helper.make_node("Softmax", ["c"], ["d"], name="softmax", axis=-1),
        helper.make_node("Reshape", ["d", "back"], ["d2"]),
        helper.make_node("Transpose", ["d2"], ["e"], name="transpose_back", perm=[1, 0]),
        helper.make_node("LayerNormalization", ["e", "gain", "offset"], ["f"], name="norm", axis=-1),
        helper.make_node("Gelu", ["f"], ["g"], name="gelu"),
        helper.make_node("ReduceMax", ["g", "axis"], ["y"], keepdims=0)]
    weights += [helper.make_tensor("shape", TensorProto.INT64, [2], [rows, columns]),
                helper.make_tensor("back", TensorProto.INT64, [2], [columns, rows]),
                helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    model(name, nodes, [helper.make_tensor_value_info("x", dtype, [1, columns])],
          [helper.make_tensor_value_info("y", dtype, [rows])], weights)


gemm("gemm_bf16", TensorProto.BFLOAT16, 2)
gemm("gemm_f32", TensorProto.FLOAT, 4)
memory("memory_f32", TensorProto.FLOAT, 4)
memory("memory_bf16", TensorProto.BFLOAT16, 2)

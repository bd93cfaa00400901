"""Writes decode_attention.onnx beside itself: a decoder's step of attention over a long cache.

q [1, 4, 1, 32] attends to k [1, 2, 4096, 32] and v [1, 2, 4096, 48], each head of which serves two of q's; mask [1, 1, 1, 4096].
"""
import os

import onnx
from onnx import TensorProto, helper

KEYS = 4096


def tensor(name, dims):
  return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def integers(name, values):
  return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def repeated(name, size):
  return [
      helper.make_node('Unsqueeze', [name, 'axis'], [name + '_one']),
      helper.make_node('Expand', [name + '_one', name + '_many'], [name + '_expanded']),
      helper.make_node('Reshape', [name + '_expanded', name + '_merged'], [name + '_heads']),
  ], [integers(name + '_many', [1, 2, 2, KEYS, size]), integers(name + '_merged', [1, 4, KEYS, size])]


keys, key_sizes = repeated('k', 32)
values, value_sizes = repeated('v', 48)
nodes = keys + values + [
    helper.make_node('Transpose', ['k_heads'], ['k_transposed'], perm=[0, 1, 3, 2]),
    helper.make_node('MatMul', ['q', 'k_transposed'], ['products']),
    helper.make_node('Mul', ['products', 'scale'], ['scaled']),
    helper.make_node('Add', ['scaled', 'mask'], ['scores']),
    helper.make_node('Softmax', ['scores'], ['weights'], axis=-1),
    helper.make_node('MatMul', ['weights', 'v_heads'], ['y']),
]
graph = helper.make_graph(
    nodes, 'decode_attention',
    [tensor('q', [1, 4, 1, 32]), tensor('k', [1, 2, KEYS, 32]), tensor('v', [1, 2, KEYS, 48]), tensor('mask', [1, 1, 1, KEYS])],
    [tensor('y', [1, 4, 1, 48])],
    [integers('axis', [2]), helper.make_tensor('scale', TensorProto.FLOAT, [], [0.7])] + key_sizes + value_sizes)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'decode_attention.onnx'))

// The device library: what the compiler links into a module of kernels and specializes. Each function is called by one
// entry with the description and the operands' addresses.
#include "compiler/codegen/cuda/device/attention.h"
#include "compiler/codegen/cuda/device/direct.h"
#include "compiler/codegen/cuda/device/product.h"
#include "compiler/codegen/cuda/device/recurrent.h"
#include "compiler/codegen/cuda/device/row_attention.h"
#include "compiler/codegen/cuda/device/tensor_attention_gradient.h"
#include "compiler/codegen/cuda/device/tensor_product.h"
#include "compiler/codegen/cuda/device/tiled_attention_gradient.h"
#include "compiler/codegen/cuda/device/vector_product.h"

namespace plimsoll::device {

#define PLIMSOLL_FUNCTION(name, Description, ...)                                                       \
  extern "C" __attribute__((always_inline)) void plimsoll_device_##name(const Description* description, \
                                                                        const Pointer* operands) {      \
    __VA_ARGS__(*description, operands);                                                                \
  }
// Indices of 32 bits, and of 64.
#define PLIMSOLL_PRODUCT(name, Sum, ...)                                      \
  PLIMSOLL_FUNCTION(name##_i32, Product, TiledProduct<Sum, int, __VA_ARGS__>) \
  PLIMSOLL_FUNCTION(name##_i64, Product, TiledProduct<Sum, int64_t, __VA_ARGS__>)
#define PLIMSOLL_VECTOR(name, Sum, rows)                                \
  PLIMSOLL_FUNCTION(name##_i32, Product, VectorProduct<Sum, int, rows>) \
  PLIMSOLL_FUNCTION(name##_i64, Product, VectorProduct<Sum, int64_t, rows>)
#define PLIMSOLL_DIRECT(type, Sum)                                       \
  PLIMSOLL_FUNCTION(direct_##type##_i32, Direct, DirectWindow<Sum, int>) \
  PLIMSOLL_FUNCTION(direct_##type##_i64, Direct, DirectWindow<Sum, int64_t>)
#define PLIMSOLL_OF_TYPE(type, Sum)                         \
  PLIMSOLL_PRODUCT(product64_##type, Sum, 64, 64, 16, 4, 4) \
  PLIMSOLL_PRODUCT(product32_##type, Sum, 32, 32, 32, 4, 4) \
  PLIMSOLL_VECTOR(vector1_##type, Sum, 1)                   \
  PLIMSOLL_VECTOR(vector4_##type, Sum, 4)                   \
  PLIMSOLL_VECTOR(vector8_##type, Sum, 8)

PLIMSOLL_OF_TYPE(f32, float)
PLIMSOLL_OF_TYPE(f64, double)
PLIMSOLL_OF_TYPE(u32, uint32_t)
PLIMSOLL_OF_TYPE(u64, uint64_t)
PLIMSOLL_PRODUCT(product128_f32, float, 128, 128, 8, 8, 8)
PLIMSOLL_PRODUCT(product128_u32, uint32_t, 128, 128, 8, 8, 8)
#define PLIMSOLL_TENSOR(type, is_bfloat, size, warp_rows, warp_columns)                 \
  PLIMSOLL_FUNCTION(tensor##size##_##type##_i32, Product,                               \
                    TensorProduct<is_bfloat, int, size, size, warp_rows, warp_columns>) \
  PLIMSOLL_FUNCTION(tensor##size##_##type##_i64, Product,                               \
                    TensorProduct<is_bfloat, int64_t, size, size, warp_rows, warp_columns>)
PLIMSOLL_TENSOR(f16, false, 128, 64, 32)
PLIMSOLL_TENSOR(f16, false, 64, 32, 16)
PLIMSOLL_TENSOR(bf16, true, 128, 64, 32)
PLIMSOLL_TENSOR(bf16, true, 64, 32, 16)
PLIMSOLL_DIRECT(f32, float)
PLIMSOLL_DIRECT(f64, double)
PLIMSOLL_DIRECT(u32, uint32_t)
PLIMSOLL_DIRECT(u64, uint64_t)
PLIMSOLL_DIRECT(s64, int64_t)
PLIMSOLL_FUNCTION(lstm, Recurrent, RecurrentSteps<Recurrent::kLstm>)
PLIMSOLL_FUNCTION(gru, Recurrent, RecurrentSteps<Recurrent::kGru>)
PLIMSOLL_FUNCTION(linear_before_reset_gru, Recurrent, RecurrentSteps<Recurrent::kLinearBeforeResetGru>)
PLIMSOLL_FUNCTION(vanilla_tanh, Recurrent, RecurrentSteps<Recurrent::kTanh>)
PLIMSOLL_FUNCTION(vanilla_relu, Recurrent, RecurrentSteps<Recurrent::kRelu>)
PLIMSOLL_FUNCTION(quantized_lstm, Recurrent, QuantizedLstm)
PLIMSOLL_FUNCTION(attention32, Attention, TiledAttention<32, 128>)
PLIMSOLL_FUNCTION(attention16, Attention, TiledAttention<16, 256>)
PLIMSOLL_FUNCTION(attention_row1, Attention, RowAttention<1>)
PLIMSOLL_FUNCTION(attention_row4, Attention, RowAttention<4>)
#define PLIMSOLL_TENSOR_ATTENTION(type, size, keys, ...) \
  PLIMSOLL_FUNCTION(attention##size##_##type, Attention, TensorAttention<__VA_ARGS__, size, keys>)
PLIMSOLL_TENSOR_ATTENTION(f16, 64, 64, HalfOperands<false>)
PLIMSOLL_TENSOR_ATTENTION(f16, 128, 32, HalfOperands<false>)
PLIMSOLL_TENSOR_ATTENTION(f16, 256, 16, HalfOperands<false>)
PLIMSOLL_TENSOR_ATTENTION(bf16, 64, 64, HalfOperands<true>)
PLIMSOLL_TENSOR_ATTENTION(bf16, 128, 32, HalfOperands<true>)
PLIMSOLL_TENSOR_ATTENTION(bf16, 256, 16, HalfOperands<true>)
PLIMSOLL_TENSOR_ATTENTION(tf32, 64, 32, Tf32Operands)
PLIMSOLL_TENSOR_ATTENTION(tf32, 128, 16, Tf32Operands)
PLIMSOLL_FUNCTION(attention_gradient32, AttentionGradient, TiledAttentionGradient<32, 64>)
PLIMSOLL_FUNCTION(attention_gradient16, AttentionGradient, TiledAttentionGradient<16, 128>)
PLIMSOLL_FUNCTION(attention_gradient8, AttentionGradient, TiledAttentionGradient<8, 256>)
// Of elements of a head up to `size`: those of an owned row in registers, rows that a block owns, rows that it walks over
// at a time, in how many buffers.
#define PLIMSOLL_TENSOR_GRADIENT(type, size, held, rows, walk, buffers, is_split, ...) \
  PLIMSOLL_FUNCTION(attention_gradient##size##_##type, AttentionGradient,              \
                    TensorAttentionGradient<GradientForm<__VA_ARGS__, size, held, rows, walk, buffers, is_split>>)
PLIMSOLL_TENSOR_GRADIENT(f16, 64, 64, 64, 32, 2, false, HalfOperands<false>)
PLIMSOLL_TENSOR_GRADIENT(f16, 128, 128, 64, 16, 2, false, HalfOperands<false>)
PLIMSOLL_TENSOR_GRADIENT(f16, 256, 32, 32, 16, 1, true, HalfOperands<false>)
PLIMSOLL_TENSOR_GRADIENT(bf16, 64, 64, 64, 32, 2, false, HalfOperands<true>)
PLIMSOLL_TENSOR_GRADIENT(bf16, 128, 128, 64, 16, 2, false, HalfOperands<true>)
PLIMSOLL_TENSOR_GRADIENT(bf16, 256, 32, 32, 16, 1, true, HalfOperands<true>)
PLIMSOLL_TENSOR_GRADIENT(tf32, 64, 64, 64, 16, 2, false, Tf32Operands)
PLIMSOLL_TENSOR_GRADIENT(tf32, 128, 128, 32, 16, 1, true, Tf32Operands)
PLIMSOLL_FUNCTION(copy, Copy, CopyElements)

}  // namespace plimsoll::device

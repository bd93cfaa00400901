// What a kernel of the device library is told of the operation that it computes. The compiler fills a description in
// and puts its bytes into the kernel's module as a constant; the optimizer then folds every field. Shared by the host's
// compiler and the device's: fixed-width members in an order that needs no padding, no other header.
#pragma once

namespace plimsoll::device {

constexpr int kDims = 8;      // of one axis
constexpr int kPostOps = 12;  // of one operation
constexpr int kNone = -1;     // an operand that is not there

// plan::DataType's numbers.
enum Type : int {
  kI8 = 2,
  kI16 = 3,
  kI32 = 4,
  kI64 = 5,
  kU8 = 6,
  kU16 = 7,
  kU32 = 8,
  kU64 = 9,
  kF16 = 10,
  kBF16 = 11,
  kF32 = 12,
  kF64 = 13,
  kF8E4M3FN = 14,
  kF8E4M3FNUZ = 15,
  kF8E5M2 = 16,
  kF8E5M2FNUZ = 17,
};

// A range of numbers [0, count), each a position in `dims` dimensions, the slowest first.
struct Axis {
  int count;
  int dims;
  int extents[kDims];
};

// A tensor seen along three axes: element (batch, row, column) lies at the sum of position times stride.
struct View {
  int operand;  // its number among the kernel's; kNone: absent
  int type;
  int width;  // neighbouring columns that one access takes; 1: none
  int unused;
  long long batch[kDims], row[kDims], column[kDims];
};

// A position that a convolution's window decides: p = outer * (position along the outer axis' dim) + inner * (position
// along the inner axis' dim) + constant, divided by `divisor`; what leaves a rest or is not below `limit` is padding.
struct Window {
  int outer_dim, inner_dim;
  int outer, inner, constant, divisor, limit, unused;
  long long stride;
};

// One side of a product: a matrix for each batch, `outer` its rows (left) or columns (right), `inner` what is summed.
struct Factor {
  int operand;
  int type;
  int width;       // neighbouring elements that one access takes
  int inner_fast;  // 1: they lie along the inner axis, else along the outer one
  int windows;
  int zero_operand;  // an integer's zero point
  long long batch[kDims], outer[kDims], inner[kDims];
  Window window[kDims];
  long long zero_batch[kDims], zero_outer[kDims];  // strides of the zero points
};

struct PostOp {
  enum Kind : int { kEltwise = 0, kBinary = 1, kSum = 2 };
  enum Function : int {
    kRelu,
    kLeakyRelu,
    kClip,
    kSigmoid,
    kTanh,
    kGeluErf,
    kGeluTanh,
    kSilu,
    kHardSwish,
    kHardSigmoid,
    kElu,
    kSoftplus,
    kMish,
    kExp,
    kAbs,
    kSqrt,
    kSquare,
    kLinear,
    kAdd,
    kMul,
    kSub,
    kDiv,
    kMax,
    kMin,
  };
  int kind;
  int function;
  float alpha, beta;
  View view;  // kBinary: its operand
};

// What becomes of a sum: times `scale`, plus bias, post-ops in order, rounded to the destination's type.
struct Epilogue {
  float scale;
  int post_ops;
  View bias;
  View destination;
  PostOp post_op[kPostOps];
};

// destination[batch, row, column] = sum over inner of left[batch, row, inner] * right[batch, inner, column]
struct Product {
  Axis batch, rows, columns, inner;
  int splits;  // vector products: parts of a block that share out the inner axis
  int unused;
  Factor left, right;
  Epilogue epilogue;
};

// destination[batch, row, column] over a window of the source: a pool, or a convolution of narrow groups.
struct Direct {
  enum Kind : int { kConvolution = 0, kMaximum = 1, kAverage = 2, kAverageInside = 3 };
  Axis batch, rows, columns, inner;
  int kind;
  int divisor;                // kAverage
  int windows_along_columns;  // the windows' outer dims are dims of `columns`, else of `rows`
  int unused;
  View source, weights;  // weights: kConvolution
  long long source_inner[kDims], weights_inner[kDims];
  int windows, unused_too;
  Window window[kDims];
  Epilogue epilogue;
};

// plan::Recurrent; operands are numbers, kNone where they are absent.
struct Recurrent {
  enum Cell : int { kLstm = 0, kGru = 1, kLinearBeforeResetGru = 2, kTanh = 3, kRelu = 4 };
  int cell, directions, reverse, sequence, batch, inputs, hidden;
  int rows;                        // of the batch that one block takes
  int width_inputs, width_hidden;  // neighbouring elements that one access takes
  int quantized;                   // type of W and R, or 0
  int bias, initial_h, initial_c, quantization, y, last_h, last_c;
};

// plan::Attention. Strides of q, k, v and the destination: batch, head, sequence, element.
// Where keys_of_part < keys, the destination and the stats have parts * batch batches, batch b of part p at p * batch + b.
struct Attention {
  int batch, heads, groups, queries, keys, size, value_size;  // q [batch, heads, queries, size], v [.., value_size]
  float scale;
  int zero_if_nan;
  int mask, destination, stats;  // operands; kNone: there is no mask, no stats
  int q_type, k_type, v_type, mask_type, destination_type;
  int q_width, k_width, v_width, mask_width, to_width;  // neighbouring elements that one access takes
  int parts, columns;                    // blocks that share the value's columns, and how many one of them takes
  int row_width, row_lanes, row_chunks;  // few queries: elements of an access, lanes of a key, accesses of a lane
  int keys_of_part;                      // few queries: keys of a block; the last part may be shorter
  long long q[4], k[4], v[4], mask_strides[4], to[4], stats_strides[4];
};

// plan::AttentionGradient. `attention`: what it is the gradient of, its operands being numbered as the gradient's are.
struct AttentionGradient {
  struct Tensor {
    int operand, type;
    int width;  // neighbouring elements that one access takes
    int unused;
    long long strides[4];
  };
  Attention attention;
  Tensor given;    // the gradient by the destination
  Tensor q, k, v;  // the gradients by these
  int key_blocks;  // the blocks [0, key_blocks) have rows of k and v, those behind them rows of q
  int unused;
};

// destination = source, element by element, of any strides. `size`: bytes of an element.
struct Copy {
  Axis elements;
  int size;
  int unused;
  long long from[kDims], to[kDims];
};

}  // namespace plimsoll::device

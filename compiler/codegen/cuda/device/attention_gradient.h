// The gradients of attention by q, k and v (Dao, "FlashAttention-2", arXiv:2307.08691, section 3.1.2). With the scores
// S = scale q k^T + mask, the weights P = exp(S - stats), O the result and dO the gradient by it:
//   D = rowsum(dO * O), dS = P * (dO v^T - D), dq = scale dS k, dk = scale dS^T q, dv = P^T dO.
// One launch, no workspace and no atomics: some blocks own rows of q and walk over the keys for dq, others own rows of
// k and v and walk over the queries, of all heads that share them, for dk and dv. So that no block waits for another, S
// and dO v^T are computed by both (7 products of queries, keys and a head's elements where 5 would do), and D by every
// block that needs it (one more operand, O, read by the blocks of keys). Sums are f32, added in a fixed order. The
// owned rows are the left side of both products: the two kinds of blocks are one code, with the operands exchanged. Of
// a row whose mask is so large that scores are lost in it (f32's least number everywhere) stats cannot tell how many
// weights there are: each comes out as 1.
#pragma once

#include "compiler/codegen/cuda/device/attention.h"

namespace plimsoll::device {

// A matrix of one head: rows along the sequence.
struct HeadRows {
  Pointer base;
  int type, width, count, size;
  const long long* strides;
};

// The operands of head `head` in batch `batch`.
struct GradientHead {
  HeadRows q, k, v, given, result;
  AttentionPlace place;  // its mask and stats alone
};
PLIMSOLL_INLINE GradientHead HeadOf(const AttentionGradient& gradient, const Pointer* operands, int batch, int head) {
  const Attention& a = gradient.attention;
  const int group =
      static_cast<int>(static_cast<unsigned>(head) * static_cast<unsigned>(a.groups) / static_cast<unsigned>(a.heads));
  auto base = [&](int operand, int type, const long long* strides, int of) __attribute__((always_inline)) {
    return Element(operands[operand], batch * strides[0] + of * strides[1], type);
  };
  GradientHead to;
  to.q = {base(0, a.q_type, a.q, head), a.q_type, a.q_width, a.queries, a.size, a.q};
  to.k = {base(1, a.k_type, a.k, group), a.k_type, a.k_width, a.keys, a.size, a.k};
  to.v = {base(2, a.v_type, a.v, group), a.v_type, a.v_width, a.keys, a.value_size, a.v};
  const AttentionGradient::Tensor& given = gradient.given;
  to.given = {base(given.operand, given.type, given.strides, head),
              given.type,
              given.width,
              a.queries,
              a.value_size,
              given.strides};
  to.result = {base(a.destination, a.destination_type, a.to, head),
               a.destination_type,
               a.to_width,
               a.queries,
               a.value_size,
               a.to};
  to.place = {};
  if (a.mask != kNone) to.place.mask = base(a.mask, a.mask_type, a.mask_strides, head);
  to.place.stats = base(a.stats, kF32, a.stats_strides, head);
  return to;
}

// What block `block` of its kind owns: `rows` rows of k and v, or of q, from `first` on; and which heads it sees.
struct GradientPlace {
  int batch, first, first_head, heads;
};
template <bool kByKeys>
PLIMSOLL_INLINE GradientPlace GradientPlaceOf(const AttentionGradient& gradient, unsigned block, int rows) {
  const Attention& a = gradient.attention;
  const unsigned tiles = static_cast<unsigned>(((kByKeys ? a.keys : a.queries) + rows - 1) / rows);
  const unsigned groups = static_cast<unsigned>(kByKeys ? a.groups : a.heads);
  const int heads = kByKeys ? a.heads / a.groups : 1, group = static_cast<int>(block / tiles % groups);
  return {static_cast<int>(block / tiles / groups), static_cast<int>(block % tiles) * rows, group * heads, heads};
}

// A row's stats, NaN where its softmax is no number: so are then its weights.
PLIMSOLL_INLINE float StatsOrNan(float stats) {
  return __builtin_fabsf(stats) < __builtin_inff() ? stats : __builtin_nanf("");
}
PLIMSOLL_INLINE float LoadStats(const Attention& attention, const GradientHead& head, int query) {
  if (query >= attention.queries) return 0;
  return StatsOrNan(LoadOne<float>(Element(head.place.stats, query * attention.stats_strides[2], kF32), kF32));
}

// `weight` becomes P of a score, and `slope` dS, given the gradient by the weight (in `slope`) and D. `there`: the
// score is one of a query and a key that exist.
PLIMSOLL_INLINE void WeightAndSlope(const Attention& attention, bool there, float agreement, float& weight,
                                    float& slope) {
  slope = weight * (slope - agreement);
  if (!there || (attention.zero_if_nan && weight != weight)) weight = slope = 0;
}

}  // namespace plimsoll::device

// The gradients of attention by tensor cores, of halves or f32 rounded to TF32. A warp owns 16 rows: their fragments of
// the scores' product and their sums stay in its registers, as far as there is room, those of the other product in
// shared memory. The rows
// walked over go by in shared memory; a tile of them is read both ways, along its rows for the products that make
// weights and across them for the sums. Weights and slopes are rounded as operands are, and become the next product's
// left side without leaving their registers.
#pragma once

#include "compiler/codegen/cuda/device/attention_gradient.h"
#include "compiler/codegen/cuda/device/tensor_attention.h"

namespace plimsoll::device {

// How a kernel divides the work: kRows rows of a block, kWalk rows of the other side at a time, in kBuffers buffers
// (where two have room, the next tile is copied while this one is computed with). kSplit: where the sums of dk and dv
// are too many for a warp's registers, they are different blocks', and both compute the scores. kHeld: elements of an
// owned row of the first operand that are in registers; the rest is in shared memory.
template <typename Operands_, int kMostSize_, int kHeld_, int kRows_, int kWalk_, int kBuffers_, bool kSplit_>
struct GradientForm {
  using Operands = Operands_;
  using Type = typename Operands::Type;
  static constexpr int kMostSize = kMostSize_, kRows = kRows_, kWalk = kWalk_, kBuffers = kBuffers_;
  static constexpr bool kSplit = kSplit_;
  static constexpr int kHeld = kHeld_, kRest = kMostSize - kHeld, kRestStride = kRest + Operands::kKeyPadding;
  static constexpr int kThreads = 2 * kRows, kStride = kMostSize + Operands::kKeyPadding;
  // A tile walked over, the other operand's beside it, and where there is room the result's, of which the blocks of
  // keys compute D.
  static constexpr bool kResultTile = kBuffers == 2;
  static constexpr int kTile = kWalk * kStride, kBuffer = (kResultTile ? 3 : 2) * kTile;
  static constexpr int kOwn = kRows * kStride, kOwnRest = kRest > 0 ? kRows *kRestStride : 0;
  // Shared: the owned rows of the second operand, the rest of the first's, tiles, stats as they come and as they are
  // used, D.
  struct Memory {
    PLIMSOLL_SHARED Type *own, *rest, *tiles;
    PLIMSOLL_SHARED float *raw_stats, *stats, *agreements;
  };
};

// D of a query, by kLanes neighbouring lanes, of the given gradient's row in shared memory and what `result(column,
// values)` reads, two neighbours at a time.
template <typename Operands, int kLanes, typename Result>
PLIMSOLL_INLINE float AgreementOfRow(const PLIMSOLL_SHARED typename Operands::Type* given, int size, int lane,
                                     const Result& result) {
  float sum = 0;
  _Pragma("clang loop unroll_count(4)") for (int pair = 0; 2 * pair < size; pair += kLanes) {
    const int at = 2 * (pair + lane);
    if (at >= size) continue;
    float a[2], b[2];
    Operands::ReadPair(given + at, a);
    result(at, b);
    sum += a[0] * b[0];
    sum += a[1] * b[1];
  }
  PLIMSOLL_UNROLL
  for (int offset = kLanes / 2; offset > 0; offset /= 2) sum += Shuffle(sum, offset);
  return sum;
}

// Two rows' sums, `factor` times, to their places: columns 8 e + within and the next of rows `row` and `row + 8`.
template <typename Operands>
PLIMSOLL_INLINE void StoreSums(const AttentionGradient::Tensor& tensor, const Pointer* operands, int batch, int head,
                               int row, int count, int size, float factor, float (*sums)[4]) {
  const Pointer base =
      Element(operands[tensor.operand], batch * tensor.strides[0] + head * tensor.strides[1], tensor.type);
  const int within = ThreadNumber() % 4 * 2;
  PLIMSOLL_UNROLL
  for (int r = 0; r < 2; ++r) {
    if (row + 8 * r >= count) continue;
    const Pointer to = Element(base, (row + 8 * r) * tensor.strides[2], tensor.type);
    PLIMSOLL_UNROLL
    for (int e = 0; 8 * e < size; ++e) {
      const int column = 8 * e + within;
      if (column >= size) continue;
      const float values[2] = {factor * sums[e][2 * r], factor * sums[e][2 * r + 1]};
      if (tensor.width == 2 && tensor.type == Operands::kType) {
        Operands::StorePair(Element(to, column, tensor.type), values);
        continue;
      }
      PLIMSOLL_UNROLL
      for (int c = 0; c < 2; ++c)
        Store(Element(to, (column + c) * tensor.strides[3], tensor.type), tensor.type, 1, values + c);
    }
  }
}

// kFirst: sums slopes times the first operand walked over (dq or dk), kSecond: weights times the second (dv).
template <typename Form, bool kByKeys, bool kFirst, bool kSecond>
PLIMSOLL_INLINE void TensorGradientBlock(const AttentionGradient& gradient, const Pointer* operands, unsigned block,
                                         const typename Form::Memory& memory) {
  using Operands = typename Form::Operands;
  using Type = typename Form::Type;
  constexpr int kThreads = Form::kThreads, kRows = Form::kRows, kWalk = Form::kWalk, kStride = Form::kStride;
  constexpr int kHeldSteps = Form::kHeld / 16, kSquares = kWalk / 8, kSums = Form::kMostSize / 8;
  constexpr int kPairWords = Operands::kPairWords;
  constexpr bool kOfResult = kByKeys && kFirst;  // D is computed of the queries that go by
  const Attention& attention = gradient.attention;
  const GradientPlace place = GradientPlaceOf<kByKeys>(gradient, block, kRows);
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32, within = lane % 4 * 2;
  // A lane has rows `own` and `own + 8` of its warp's fragments.
  const int own = place.first + warp * 16 + lane / 4, own_count = kByKeys ? attention.keys : attention.queries;
  const int size = attention.size, value_size = attention.value_size;
  const int columns = (size + 15) / 16 * 16, value_columns = (value_size + 15) / 16 * 16;
  const int count = kByKeys ? attention.queries : attention.keys, tiles = (count + kWalk - 1) / kWalk;
  auto head_of = [&](int number) __attribute__((always_inline)) {
    return HeadOf(gradient, operands, place.batch, place.first_head + number / tiles);
  };
  auto begin_rows = [&](const HeadRows& rows, int first, int padded, PLIMSOLL_SHARED Type* to)
                        __attribute__((always_inline)) {
                          BeginRows<kThreads, kWalk, kStride, 1>(rows.base, rows.strides, rows.width, first, rows.count,
                                                                 padded, rows.size, to);
                        };
  // Tile `number` of all heads, to buffer `buffer`.
  auto begin_tile = [&](int number, int buffer) __attribute__((always_inline)) {
    const GradientHead head = head_of(number);
    const int start = number % tiles * kWalk;
    PLIMSOLL_SHARED Type* to = memory.tiles + buffer * Form::kBuffer;
    begin_rows(kByKeys ? head.q : head.k, start, columns, to);
    begin_rows(kByKeys ? head.given : head.v, start, value_columns, to + Form::kTile);
    if (kOfResult && Form::kResultTile) begin_rows(head.result, start, value_columns, to + 2 * Form::kTile);
    if (kByKeys && ThreadNumber() < kWalk) {
      const int query = start + ThreadNumber();
      const bool there = query < attention.queries;
      BeginCopy(memory.raw_stats + buffer * kWalk + ThreadNumber(),
                Element(head.place.stats, there ? query * attention.stats_strides[2] : 0, kF32), 4, there);
    }
  };
  const int numbers = tiles * place.heads;
  const GradientHead owner = HeadOf(gradient, operands, place.batch, place.first_head);
  const HeadRows& own_first = kByKeys ? owner.k : owner.q;
  const HeadRows& own_second = kByKeys ? owner.v : owner.given;
  if (kFirst && numbers > 0)
    BeginRows<kThreads, kRows, kStride, 1>(own_second.base, own_second.strides, own_second.width, place.first,
                                           own_count, value_columns, value_size, memory.own);
  if (Form::kRest > 0 && columns > Form::kHeld && numbers > 0)
    BeginRows<kThreads, kRows, Form::kRestStride, 1>(Element(own_first.base, Form::kHeld, Operands::kType),
                                                     own_first.strides, own_first.width, place.first, own_count,
                                                     columns - Form::kHeld, size - Form::kHeld, memory.rest);
  if (Form::kBuffers == 2 && numbers > 0) begin_tile(0, 0);
  uint32_t rows[kHeldSteps][4][kPairWords];
  PLIMSOLL_UNROLL
  for (int s = 0; s < kHeldSteps && 16 * s < size; ++s) PLIMSOLL_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int row = own + i % 2 * 8, column = 16 * s + i / 2 * 8 + within;
    PLIMSOLL_UNROLL
    for (int w = 0; w < kPairWords; ++w) rows[s][i][w] = 0;
    if (row < own_count && column < size)
      Operands::LoadPair(Element(own_first.base, row * own_first.strides[2] + column, Operands::kType), rows[s][i]);
  }
  // As attention does: without a mask, scores and stats are in units of which one is a factor of 2.
  const float unit = attention.mask == kNone ? 1 : kLog2OfE, factor = attention.scale * (kLog2OfE / unit);
  float own_stats[2] = {0, 0}, own_agreements[2] = {0, 0};
  if (!kByKeys) {
    PLIMSOLL_UNROLL
    for (int r = 0; r < 2; ++r) {
      own_stats[r] = LoadStats(attention, owner, own + 8 * r) * (kLog2OfE / unit);
      PLIMSOLL_UNROLL
      for (int e = 0; 8 * e < value_size; ++e) {
        const int row = own + 8 * r, column = 8 * e + within;
        if (row >= own_count || column >= value_size) continue;
        float given[2], result[2];
        Load(Element(owner.given.base, row * owner.given.strides[2] + column, Operands::kType), Operands::kType, 2,
             given);
        Load(Element(owner.result.base, row * owner.result.strides[2] + column, Operands::kType), Operands::kType, 2,
             result);
        own_agreements[r] += given[0] * result[0];
        own_agreements[r] += given[1] * result[1];
      }
      PLIMSOLL_UNROLL
      for (int offset = 1; offset <= 2; offset *= 2) own_agreements[r] += Shuffle(own_agreements[r], offset);
    }
  }
  float first_sums[kSums][4], second_sums[kSums][4];
  PLIMSOLL_UNROLL
  for (int e = 0; e < kSums; ++e) PLIMSOLL_UNROLL
  for (int c = 0; c < 4; ++c) first_sums[e][c] = second_sums[e][c] = 0;

  int buffer = 0;
  _Pragma("clang loop unroll(disable)") for (int number = 0; number < numbers; ++number) {
    const int start = number % tiles * kWalk, now = buffer;
    if (Form::kBuffers == 1) {
      Barrier();
      begin_tile(number, 0);
    }
    WaitForCopies();
    Barrier();
    if (Form::kBuffers == 2) {
      buffer = 1 - buffer;
      if (number + 1 < numbers) begin_tile(number + 1, buffer);
    }
    const PLIMSOLL_SHARED Type *first = memory.tiles + now * Form::kBuffer, *second = first + Form::kTile;
    if (kByKeys) {
      constexpr int kLanes = kThreads / kWalk;
      const int row = ThreadNumber() / kLanes, part = ThreadNumber() % kLanes;
      float agreement = 0;
      const HeadRows result = head_of(number).result;
      auto read = [&](int column, float* values) __attribute__((always_inline)) {
        if constexpr (Form::kResultTile)
          return Operands::ReadPair(second + Form::kTile + row * kStride + column, values);
        values[0] = values[1] = 0;
        if (start + row < result.count)
          Load(Element(result.base, (start + row) * result.strides[2] + column, Operands::kType), Operands::kType, 2,
               values);
      };
      if (kOfResult) agreement = AgreementOfRow<Operands, kLanes>(second + row * kStride, value_size, part, read);
      if (part == 0) {
        memory.stats[row] = StatsOrNan(memory.raw_stats[now * kWalk + row]) * (kLog2OfE / unit);
        memory.agreements[row] = agreement;
      }
      Barrier();
    }

    float weights[kSquares][4], slopes[kSquares][4];
    PLIMSOLL_UNROLL
    for (int j = 0; j < kSquares; ++j) PLIMSOLL_UNROLL
    for (int c = 0; c < 4; ++c) weights[j][c] = slopes[j][c] = 0;
    PLIMSOLL_UNROLL
    for (int s = 0; 16 * s < size; ++s) {
      uint32_t rest[4][kPairWords];
      if (s >= kHeldSteps) Operands::ReadRows(memory.rest, Form::kRestStride, 16 * warp, 16 * (s - kHeldSteps), rest);
      PLIMSOLL_UNROLL
      for (int j = 0; j < kSquares; j += 2)
        Operands::AddScores(s < kHeldSteps ? rows[s] : rest, first, kStride, 8 * j, 16 * s, weights + j);
    }
    // What the mask adds to scores lies at constant distances from what it adds to this lane's first.
    const GradientHead head = head_of(number);
    Pointer mask = nullptr;
    if (attention.mask != kNone)
      mask = kByKeys ? MaskOf(attention, head.place, start + within, own)
                     : MaskOf(attention, head.place, own, start + within);
    const long long row_stride = attention.mask_strides[kByKeys ? 3 : 2],
                    walk_stride = attention.mask_strides[kByKeys ? 2 : 3];
    PLIMSOLL_UNROLL
    for (int r = 0; r < 2; ++r) PLIMSOLL_UNROLL
    for (int j = 0; j < kSquares; ++j) {
      const int at = 8 * j + within, row = own + 8 * r;
      float added[2] = {0, 0};
      const bool pair = !kByKeys && attention.mask_width == 2;  // of keys, whose number is then even
      auto masked = [&](int c) __attribute__((always_inline)) {
        return Element(mask, 8 * r * row_stride + (8 * j + c) * walk_stride, attention.mask_type);
      };
      if (attention.mask != kNone && pair && row < own_count && start + at < count)
        Load(masked(0), attention.mask_type, 2, added);
      PLIMSOLL_UNROLL
      for (int c = 0; c < 2; ++c) {
        if (attention.mask != kNone && !pair && row < own_count && start + at + c < count)
          added[c] = LoadOne<float>(masked(c), attention.mask_type);
        const float stats = kByKeys ? memory.stats[at + c] : own_stats[r];
        weights[j][2 * r + c] = Exp2((weights[j][2 * r + c] * factor + added[c] - stats) * unit);
      }
    }
    PLIMSOLL_UNROLL
    for (int s = 0; kFirst && 16 * s < value_size; ++s) {
      uint32_t words[4][kPairWords];
      Operands::ReadRows(memory.own, kStride, 16 * warp, 16 * s, words);
      PLIMSOLL_UNROLL
      for (int j = 0; j < kSquares; j += 2) Operands::AddScores(words, second, kStride, 8 * j, 16 * s, slopes + j);
    }
    PLIMSOLL_UNROLL
    for (int r = 0; r < 2; ++r) PLIMSOLL_UNROLL
    for (int j = 0; j < kSquares; ++j) PLIMSOLL_UNROLL
    for (int c = 0; c < 2; ++c) {
      const int at = 8 * j + within + c;
      const bool there = start + at < count && own + 8 * r < own_count;
      WeightAndSlope(attention, there, kByKeys ? memory.agreements[at] : own_agreements[r], weights[j][2 * r + c],
                     slopes[j][2 * r + c]);
    }
    PLIMSOLL_UNROLL
    for (int t = 0; t < kSquares; t += 2) {
      if (kFirst) Operands::AddValues(slopes + t, first, kStride, 8 * t, columns, first_sums);
      if (kSecond) Operands::AddValues(weights + t, second, kStride, 8 * t, value_columns, second_sums);
    }
  }

  const int of = kByKeys ? place.first_head / place.heads : place.first_head;
  if (kFirst)
    StoreSums<Operands>(kByKeys ? gradient.k : gradient.q, operands, place.batch, of, own, own_count, size,
                        attention.scale, first_sums);
  if (kSecond) StoreSums<Operands>(gradient.v, operands, place.batch, of, own, own_count, value_size, 1, second_sums);
}

template <typename Form>
PLIMSOLL_INLINE void TensorAttentionGradient(const AttentionGradient& gradient, const Pointer* operands) {
  static PLIMSOLL_SHARED typename Form::Type rows[Form::kOwn + Form::kOwnRest + Form::kBuffers * Form::kBuffer]
      __attribute__((aligned(16)));
  static PLIMSOLL_SHARED float of_queries[(Form::kBuffers + 2) * Form::kWalk];
  const typename Form::Memory memory = {rows,
                                        rows + Form::kOwn,
                                        rows + Form::kOwn + Form::kOwnRest,
                                        of_queries,
                                        of_queries + Form::kBuffers * Form::kWalk,
                                        of_queries + (Form::kBuffers + 1) * Form::kWalk};
  const int block = BlockNumber();
  if (block >= gradient.key_blocks)
    TensorGradientBlock<Form, false, true, false>(gradient, operands, block - gradient.key_blocks, memory);
  else if constexpr (!Form::kSplit)
    TensorGradientBlock<Form, true, true, true>(gradient, operands, block, memory);
  else if (block < gradient.key_blocks / 2)
    TensorGradientBlock<Form, true, true, false>(gradient, operands, block, memory);
  else
    TensorGradientBlock<Form, true, false, true>(gradient, operands, block - gradient.key_blocks / 2, memory);
}

}  // namespace plimsoll::device

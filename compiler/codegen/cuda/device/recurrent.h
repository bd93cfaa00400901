// Recurrent layers, all steps in one launch: a block takes one direction and some rows of the batch from the first step
// to the last; a warp sums all gates of one unit, its lanes along the inputs and the former state. The state lies where
// the results do: h in Y (the product of the reset gate in Y_h, which is free until the end), c in Y_c. That needs no
// memory but the operands', and reads the weights once a step and block; where the batch is large or the layer wide, a
// library does better.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"

namespace plimsoll::device {

constexpr int kRecurrentThreads = 512, kWarps = kRecurrentThreads / 32, kMostRows = 4;

PLIMSOLL_INLINE float LoadFloat(Pointer from, int64_t index) { return LoadOne<float>(from + 4 * index, kF32); }
PLIMSOLL_INLINE void StoreFloat(Pointer to, int64_t index, float value) { Store(to + 4 * index, kF32, 1, &value); }

// sums[gate][row] += weights[gate * gate_stride + k] * state[row * state_stride + k] over the lanes' share of k <
// count.
template <int kGates>
PLIMSOLL_INLINE void Accumulate(Pointer weights, int64_t gate_stride, Pointer state, int64_t state_stride, int rows,
                                int count, int width, float (*sums)[kMostRows]) {
  const int lane = ThreadNumber() % 32;
  _Pragma("clang loop unroll(disable)") for (int k = lane * width; k < count; k += 32 * width) {
    float w[kGates][4], x[4];
    PLIMSOLL_UNROLL
    for (int g = 0; g < kGates; ++g) Load(weights + 4 * (g * gate_stride + k), kF32, width, w[g]);
    PLIMSOLL_UNROLL
    for (int row = 0; row < kMostRows; ++row) {
      if (row >= rows) continue;
      Load(state + 4 * (row * state_stride + k), kF32, width, x);
      PLIMSOLL_UNROLL
      for (int g = 0; g < kGates; ++g) PLIMSOLL_UNROLL
      for (int i = 0; i < width; ++i) sums[g][row] += w[g][i] * x[i];
    }
  }
}
template <int kGates>
PLIMSOLL_INLINE void AddLanes(float (*sums)[kMostRows]) {
  PLIMSOLL_UNROLL
  for (int g = 0; g < kGates; ++g) PLIMSOLL_UNROLL
  for (int row = 0; row < kMostRows; ++row) PLIMSOLL_UNROLL
  for (int offset = 16; offset > 0; offset /= 2) sums[g][row] += Shuffle(sums[g][row], offset);
}
PLIMSOLL_INLINE float OfLane(const float* sums) {  // sums[lane], without indexing registers
  const int lane = ThreadNumber() % 32;
  float value = sums[0];
  PLIMSOLL_UNROLL
  for (int row = 1; row < kMostRows; ++row) value = lane == row ? sums[row] : value;
  return value;
}

struct RecurrentAt {  // one direction and block
  int64_t direction, first_row;
  int rows;
};

// The gates of unit `unit`: [first, first + kGates) of the layer's `gates`, from inputs and state apart.
template <int kGates>
PLIMSOLL_INLINE void GatesOf(const Recurrent& layer, const RecurrentAt& at, const Pointer* operands, int gates,
                             int first, int unit, int64_t time, Pointer state, float* from_input, float* from_state) {
  const int64_t hidden = layer.hidden, inputs = layer.inputs;
  float x[kGates][kMostRows], h[kGates][kMostRows];
  PLIMSOLL_UNROLL
  for (int g = 0; g < kGates; ++g) PLIMSOLL_UNROLL
  for (int row = 0; row < kMostRows; ++row) x[g][row] = h[g][row] = 0;
  const int64_t row_of_weights = (at.direction * gates + first) * hidden + unit;
  Accumulate<kGates>(operands[1] + 4 * row_of_weights * inputs, hidden * inputs,
                     operands[0] + 4 * (time * layer.batch + at.first_row) * inputs, inputs, at.rows, layer.inputs,
                     layer.width_inputs, x);
  if (state)
    Accumulate<kGates>(operands[2] + 4 * row_of_weights * hidden, hidden * hidden, state, hidden, at.rows, layer.hidden,
                       layer.width_hidden, h);
  AddLanes<kGates>(x);
  AddLanes<kGates>(h);
  PLIMSOLL_UNROLL
  for (int g = 0; g < kGates; ++g) {
    from_input[g] = OfLane(x[g]);
    from_state[g] = OfLane(h[g]);
    if (layer.bias == kNone) continue;
    const int64_t bias = at.direction * 2 * gates * hidden + (first + g) * hidden + unit;
    from_input[g] += LoadFloat(operands[layer.bias], bias);
    from_state[g] += LoadFloat(operands[layer.bias], bias + gates * hidden);
  }
}

// kCell is the layer's: a constant of the template, so that the number of gates is one.
template <int kCell>
PLIMSOLL_INLINE void RecurrentSteps(const Recurrent& layer, const Pointer* operands) {
  constexpr bool kLstmCell = kCell == Recurrent::kLstm, kPlainGru = kCell == Recurrent::kGru,
                 kLinearGru = kCell == Recurrent::kLinearBeforeResetGru;
  constexpr int kGates = kLstmCell ? 4 : kPlainGru || kLinearGru ? 3 : 1;
  RecurrentAt at;
  at.direction = BlockNumber() % layer.directions;
  at.first_row = static_cast<int64_t>(BlockNumber() / layer.directions) * layer.rows;
  const int64_t left = layer.batch - at.first_row;
  at.rows = left < layer.rows ? static_cast<int>(left) : layer.rows;
  const bool reverse = layer.reverse != 0 || at.direction == 1;
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32;
  const int64_t hidden = layer.hidden;
  const int64_t own = (at.direction * layer.batch + at.first_row) * hidden;  // in h0, c0, Y_h, Y_c
  const Pointer last_h = operands[layer.last_h] + 4 * own;
  Pointer state = layer.initial_h == kNone ? nullptr : operands[layer.initial_h] + 4 * own;
  const bool stores = lane < at.rows;
  _Pragma("clang loop unroll(disable)") for (int step = 0; step < layer.sequence; ++step) {
    const int64_t time = reverse ? layer.sequence - 1 - step : step;
    const Pointer y = operands[layer.y] + 4 * (time * layer.directions * layer.batch * hidden + own);
    if constexpr (kPlainGru) {
      _Pragma("clang loop unroll(disable)") for (int unit = warp; unit < layer.hidden; unit += kWarps) {
        float x[1], h[1];
        GatesOf<1>(layer, at, operands, kGates, 1, unit, time, state, x, h);
        if (stores)
          StoreFloat(last_h, lane * hidden + unit,
                     state ? Sigmoid(x[0] + h[0]) * LoadFloat(state, lane * hidden + unit) : 0);
      }
      Barrier();
    }
    _Pragma("clang loop unroll(disable)") for (int unit = warp; unit < layer.hidden; unit += kWarps) {
      const int64_t place = lane * hidden + unit;
      const float former = stores && state ? LoadFloat(state, place) : 0;
      float result;
      if constexpr (kPlainGru) {
        float x[1], h[1], candidate_x[1], candidate_h[1];
        GatesOf<1>(layer, at, operands, kGates, 0, unit, time, state, x, h);
        GatesOf<1>(layer, at, operands, kGates, 2, unit, time, last_h, candidate_x, candidate_h);
        const float update = Sigmoid(x[0] + h[0]);
        result = (1 - update) * Tanh(candidate_x[0] + candidate_h[0]) + update * former;
      } else {
        float x[kGates], h[kGates];
        GatesOf<kGates>(layer, at, operands, kGates, 0, unit, time, state, x, h);
        if constexpr (kLstmCell) {
          const Pointer cells = operands[layer.last_c] + 4 * own;
          float cell = 0;
          if (stores && step > 0) cell = LoadFloat(cells, place);
          if (stores && step == 0 && layer.initial_c != kNone)
            cell = LoadFloat(operands[layer.initial_c] + 4 * own, place);
          cell = Sigmoid(x[2] + h[2]) * cell + Sigmoid(x[0] + h[0]) * Tanh(x[3] + h[3]);
          if (stores) StoreFloat(cells, place, cell);
          result = Sigmoid(x[1] + h[1]) * Tanh(cell);
        } else if constexpr (kLinearGru) {
          const float update = Sigmoid(x[0] + h[0]), reset = Sigmoid(x[1] + h[1]);
          result = (1 - update) * Tanh(x[2] + reset * h[2]) + update * former;
        } else {
          result = x[0] + h[0];
          result = kCell == Recurrent::kTanh ? Tanh(result) : result < 0 ? 0 : result;
        }
      }
      if (stores) StoreFloat(y, place, result);
    }
    Barrier();
    state = y;
  }
  // What the last step gave; without a step, what there was.
  for (int64_t i = ThreadNumber(); i < at.rows * hidden; i += kRecurrentThreads) {
    StoreFloat(last_h, i, state ? LoadFloat(state, i) : 0);
    if constexpr (kLstmCell) {
      if (layer.sequence == 0)
        StoreFloat(operands[layer.last_c] + 4 * own, i,
                   layer.initial_c == kNone ? 0 : LoadFloat(operands[layer.initial_c] + 4 * own, i));
    }
  }
}

// Eight bits for all of `count` floats, as ONNX's DynamicQuantizeLinear gives them.
struct Rounding {
  float scale, zero;
};
PLIMSOLL_INLINE Rounding RoundingOf(Pointer from, int64_t count) {
  static PLIMSOLL_SHARED float range[2 * kWarps];
  float low = 0, high = 0;
  if (from) {
    for (int64_t i = ThreadNumber(); i < count; i += kRecurrentThreads) {
      const float value = LoadFloat(from, i);
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
  }
  PLIMSOLL_UNROLL
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other_low = Shuffle(low, offset), other_high = Shuffle(high, offset);
    low = other_low < low ? other_low : low;
    high = other_high > high ? other_high : high;
  }
  if (ThreadNumber() % 32 == 0) {
    range[ThreadNumber() / 32] = low;
    range[kWarps + ThreadNumber() / 32] = high;
  }
  Barrier();
  PLIMSOLL_UNROLL
  for (int i = 0; i < kWarps; ++i) {
    low = range[i] < low ? range[i] : low;
    high = range[kWarps + i] > high ? range[kWarps + i] : high;
  }
  Barrier();
  Rounding rounding;
  rounding.scale = (high - low) / 255;
  if (!(rounding.scale > 0)) rounding.scale = 1;
  rounding.zero = __builtin_rintf(Clamp(-low / rounding.scale, 0.0f, 255.0f));
  return rounding;
}
PLIMSOLL_INLINE int Round(const Rounding& rounding, float value) {  // less the zero point
  float number = __builtin_rintf(value / rounding.scale) + rounding.zero;
  number = number > 0 ? number : 0;
  number = number < 255 ? number : 255;
  return static_cast<int>(number) - static_cast<int>(rounding.zero);
}
PLIMSOLL_INLINE int WholeZero(float zero) { return static_cast<int>(zero > -255 ? (zero < 255 ? zero : 255) : -255); }

// An LSTM whose W and R are of 8 bits: a block takes a direction, a thread a row and a unit with its four gates.
PLIMSOLL_INLINE void QuantizedLstm(const Recurrent& layer, const Pointer* operands) {
  const int64_t hidden = layer.hidden, inputs = layer.inputs, batch = layer.batch, gates = 4 * hidden;
  const int64_t direction = BlockNumber() % layer.directions;
  const bool reverse = layer.reverse != 0 || direction == 1;
  const int64_t own = direction * batch * hidden;
  const Pointer quantization = operands[layer.quantization];  // [4, directions, gates]
  auto number = [&](int which, int64_t column) __attribute__((always_inline)) {
    return LoadFloat(quantization, (which * layer.directions + direction) * gates + column);
  };
  // Four gates of products of `count` rounded numbers, scaled back and added up.
  auto add = [&](Pointer from, const Rounding& rounding, int operand, int64_t count, int which, int64_t unit,
                 float* to) __attribute__((always_inline)) {
    const Pointer weights = operands[operand] + direction * count * gates + unit;
    int zeros[4];
    uint32_t sums[4];
    PLIMSOLL_UNROLL
    for (int g = 0; g < 4; ++g) {
      zeros[g] = WholeZero(number(which + 1, g * hidden + unit));
      sums[g] = 0;
    }
    _Pragma("clang loop unroll(disable)") for (int64_t k = 0; k < count; ++k) {
      const int value = Round(rounding, LoadFloat(from, k));
      PLIMSOLL_UNROLL
      for (int g = 0; g < 4; ++g)
        sums[g] +=
            static_cast<uint32_t>(value * (LoadOne<int>(weights + k * gates + g * hidden, layer.quantized) - zeros[g]));
    }
    PLIMSOLL_UNROLL
    for (int g = 0; g < 4; ++g)
      to[g] += static_cast<float>(static_cast<int>(sums[g])) * (rounding.scale * number(which, g * hidden + unit));
  };
  const Rounding of_inputs = RoundingOf(operands[0], layer.sequence * batch * inputs);
  const Pointer cells = operands[layer.last_c] + 4 * own, last_h = operands[layer.last_h] + 4 * own;
  Pointer state = layer.initial_h == kNone ? nullptr : operands[layer.initial_h] + 4 * own;
  _Pragma("clang loop unroll(disable)") for (int step = 0; step < layer.sequence; ++step) {
    const int64_t time = reverse ? layer.sequence - 1 - step : step;
    const Pointer y = operands[layer.y] + 4 * (time * layer.directions * batch * hidden + own);
    const Rounding of_state = RoundingOf(state, batch * hidden);
    _Pragma("clang loop unroll(disable)") for (int64_t item = ThreadNumber(); item < batch * hidden;
                                               item += kRecurrentThreads) {
      const int64_t row = item / hidden, unit = item % hidden;
      float sums[4] = {0, 0, 0, 0};
      add(operands[0] + 4 * (time * batch + row) * inputs, of_inputs, 1, inputs, 0, unit, sums);
      if (state) add(state + 4 * row * hidden, of_state, 2, hidden, 2, unit, sums);
      if (layer.bias != kNone) {
        PLIMSOLL_UNROLL
        for (int g = 0; g < 4; ++g) {
          const int64_t bias = direction * 2 * gates + g * hidden + unit;
          sums[g] += LoadFloat(operands[layer.bias], bias) + LoadFloat(operands[layer.bias], bias + gates);
        }
      }
      float cell = 0;
      if (step > 0)
        cell = LoadFloat(cells, item);
      else if (layer.initial_c != kNone)
        cell = LoadFloat(operands[layer.initial_c] + 4 * own, item);
      cell = Sigmoid(sums[2]) * cell + Sigmoid(sums[0]) * Tanh(sums[3]);
      StoreFloat(cells, item, cell);
      StoreFloat(y, item, Sigmoid(sums[1]) * Tanh(cell));
    }
    state = y;  // a thread rounds what it wrote itself; the barriers in between show the rest to all
  }
  for (int64_t i = ThreadNumber(); i < batch * hidden; i += kRecurrentThreads) {
    StoreFloat(last_h, i, state ? LoadFloat(state, i) : 0);
    if (layer.sequence == 0)
      StoreFloat(cells, i, layer.initial_c == kNone ? 0 : LoadFloat(operands[layer.initial_c] + 4 * own, i));
  }
}

}  // namespace plimsoll::device

#include "runtime/library/onednn/recurrent_cells.h"

#include <algorithm>

namespace plimsoll::runtime::onednn {
namespace {

#define PLIMSOLL_INLINE inline __attribute__((always_inline))
#define PLIMSOLL_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

// The rational minimax fits of Eigen (scalar_logistic_op, generic_fast_tanh_float), as the generated kernels have them:
// absolute errors of 1.2e-7 and 3e-7.
PLIMSOLL_INLINE float Sigmoid(float x) {
  x = std::min(std::max(x, -18.0f), 18.0f);
  const float z = x * x;
  float p = 4.37031012579801e-11f;
  p = p * z + 1.15627324459942e-07f;
  p = p * z + 6.08574864600143e-05f;
  p = p * z + 8.51377133304701e-03f;
  p = p * z + 2.48287947061529e-01f;
  float q = 6.10247389755681e-13f;
  q = q * z + 5.76102136993427e-09f;
  q = q * z + 6.29106785017040e-06f;
  q = q * z + 1.70198817374094e-03f;
  q = q * z + 1.16817656904453e-01f;
  q = q * z + 9.93151921023180e-01f;
  return p * x / q + 0.5f;
}

PLIMSOLL_INLINE float Tanh(float x) {
  x = std::min(std::max(x, -9.0f), 9.0f);
  const float z = x * x;
  float p = -2.76076847742355e-16f;
  p = p * z + 2.00018790482477e-13f;
  p = p * z - 8.60467152213735e-11f;
  p = p * z + 5.12229709037114e-08f;
  p = p * z + 1.48572235717979e-05f;
  p = p * z + 6.37261928875436e-04f;
  p = p * z + 4.89352455891786e-03f;
  float q = 1.19825839466702e-06f;
  q = q * z + 1.18534705686654e-04f;
  q = q * z + 2.26843463243900e-03f;
  q = q * z + 4.89352518554385e-03f;
  return p * x / q;
}

// Gate g of unit j, before its activation; both biases where `kBias`.
template <bool kBias>
PLIMSOLL_INLINE float Gate(const float* x, const float* s, const float* bias, int64_t h, int gates, int g, int64_t j) {
  const float sum = x[g * h + j] + s[g * h + j];
  return kBias ? sum + (bias[g * h + j] + bias[(gates + g) * h + j]) : sum;
}

template <bool kBias>
PLIMSOLL_INLINE void Lstm(const float* x, const float* s, const float* bias, int64_t h, float* __restrict cell,
                          float* __restrict hidden) {
  for (int64_t j = 0; j < h; ++j) {
    const float input = Sigmoid(Gate<kBias>(x, s, bias, h, 4, 0, j));
    const float output = Sigmoid(Gate<kBias>(x, s, bias, h, 4, 1, j));
    const float forget = Sigmoid(Gate<kBias>(x, s, bias, h, 4, 2, j));
    const float c = forget * cell[j] + input * Tanh(Gate<kBias>(x, s, bias, h, 4, 3, j));
    cell[j] = c;
    hidden[j] = output * Tanh(c);
  }
}

template <bool kBias>
PLIMSOLL_INLINE void Gru(const float* x, const float* s, const float* bias, int64_t h, bool linear_before_reset,
                         const float* former, float* __restrict hidden) {
  if (linear_before_reset) {
    for (int64_t j = 0; j < h; ++j) {
      const float update = Sigmoid(Gate<kBias>(x, s, bias, h, 3, 0, j));
      const float reset = Sigmoid(Gate<kBias>(x, s, bias, h, 3, 1, j));
      const float from_input = kBias ? x[2 * h + j] + bias[2 * h + j] : x[2 * h + j];
      const float from_state = kBias ? s[2 * h + j] + bias[5 * h + j] : s[2 * h + j];
      hidden[j] = (1 - update) * Tanh(from_input + reset * from_state) + update * former[j];
    }
    return;
  }
  for (int64_t j = 0; j < h; ++j) {
    const float update = Sigmoid(Gate<kBias>(x, s, bias, h, 3, 0, j));
    hidden[j] = (1 - update) * Tanh(Gate<kBias>(x, s, bias, h, 3, 2, j)) + update * former[j];
  }
}

template <bool kBias>
PLIMSOLL_INLINE void Vanilla(const float* x, const float* s, const float* bias, int64_t h, bool relu,
                             float* __restrict hidden) {
  if (relu) {
    for (int64_t j = 0; j < h; ++j) hidden[j] = std::max(Gate<kBias>(x, s, bias, h, 1, 0, j), 0.0f);
    return;
  }
  for (int64_t j = 0; j < h; ++j) hidden[j] = Tanh(Gate<kBias>(x, s, bias, h, 1, 0, j));
}

}  // namespace

PLIMSOLL_VECTORIZED void LstmCell(const float* from_input, const float* from_state, const float* bias,
                                  int64_t hidden_size, float* cell, float* hidden) {
  if (bias == nullptr) Lstm<false>(from_input, from_state, bias, hidden_size, cell, hidden);
  else Lstm<true>(from_input, from_state, bias, hidden_size, cell, hidden);
}

PLIMSOLL_VECTORIZED void GruReset(const float* from_input, const float* from_state, const float* bias,
                                  int64_t hidden_size, const float* former, float* reset) {
  const int64_t h = hidden_size;
  for (int64_t j = 0; j < h; ++j) {
    const float gate = bias == nullptr ? Gate<false>(from_input, from_state, bias, h, 3, 1, j)
                                       : Gate<true>(from_input, from_state, bias, h, 3, 1, j);
    reset[j] = Sigmoid(gate) * former[j];
  }
}

PLIMSOLL_VECTORIZED void GruCell(const float* from_input, const float* from_state, const float* bias,
                                 int64_t hidden_size, bool linear_before_reset, const float* former, float* hidden) {
  if (bias == nullptr) Gru<false>(from_input, from_state, bias, hidden_size, linear_before_reset, former, hidden);
  else Gru<true>(from_input, from_state, bias, hidden_size, linear_before_reset, former, hidden);
}

PLIMSOLL_VECTORIZED void VanillaCell(const float* from_input, const float* from_state, const float* bias,
                                     int64_t hidden_size, bool relu, float* hidden) {
  if (bias == nullptr) Vanilla<false>(from_input, from_state, bias, hidden_size, relu, hidden);
  else Vanilla<true>(from_input, from_state, bias, hidden_size, relu, hidden);
}

}  // namespace plimsoll::runtime::onednn

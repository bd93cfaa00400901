// The elementwise part of recurrent cells, for one row of the batch. Gates lie one after another, `hidden_size` numbers
// each, in ONNX's order: LSTM input, output, forget, cell; GRU update, reset, hidden. `from_input` and `from_state` are
// the products with W and R; `bias` holds W's biases, then R's; null: none.
#pragma once

#include <cstdint>

namespace plimsoll::runtime::onednn {

// Replaces `cell`, writes `hidden`.
void LstmCell(const float* from_input, const float* from_state, const float* bias, int64_t hidden_size, float* cell,
              float* hidden);

// reset = r * former; what a plain GRU multiplies with the hidden gate's R.
void GruReset(const float* from_input, const float* from_state, const float* bias, int64_t hidden_size,
              const float* former, float* reset);
void GruCell(const float* from_input, const float* from_state, const float* bias, int64_t hidden_size,
             bool linear_before_reset, const float* former, float* hidden);

void VanillaCell(const float* from_input, const float* from_state, const float* bias, int64_t hidden_size, bool relu,
                 float* hidden);

}  // namespace plimsoll::runtime::onednn

// LSTM, GRU and RNN.
#pragma once

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {

// A recurrent node's operands, layout 0: x [T, N, I], w [D, gates H, I], r [D, gates H, H], bias [D, 2 gates H].
struct RecurrentNode {
  std::string kind;       // "lstm", "gru", "rnn"
  std::string direction;  // "forward", "reverse", "bidirectional"
  int64_t hidden_size = 0;
  Value x, w, r, bias, initial_h, initial_c, peepholes;
  Value quantization;                    // graph.recurrent's, with its w and r; only where that expresses the node
  std::vector<std::string> activations;  // lower case, of all directions; empty: the defaults
  double clip = 0;                       // 0: none
  bool linear_before_reset = false, input_forget = false;
  std::vector<int64_t> lengths;          // by batch entry; empty: all T
};

struct RecurrentResult {
  Value y, y_h, y_c;  // [T, D, N, H], [D, N, H]
};

// As graph.recurrent where that expresses it, otherwise step by step.
RecurrentResult EmitRecurrent(NodeContext& c, const RecurrentNode& node);

// Step by step (recurrent_steps.cc).
RecurrentResult UnrollRecurrent(NodeContext& c, const RecurrentNode& node);

}  // namespace plimsoll::onnx_frontend

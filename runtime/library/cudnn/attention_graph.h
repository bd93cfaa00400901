// Attention as the library's graph of operations.
#pragma once

#include <string>

#include "runtime/library/cudnn/attention_layer.h"
#include "runtime/library/cudnn/graph.h"

namespace plimsoll::runtime::cudnn {

// Adds to `graph`, which has no operations yet, what the library's fused engines know as attention: the product of
// queries and keys, the scale, the mask, a softmax in five steps, the statistics, and the product with the values. What
// is between them is f32, but for the softmax, which the second product reads in the operands' type.
void AddAttention(const AttentionLayer& layer, Graph& graph);

// For messages: "attention of BF16, 2x12x512x64 by 2x12x512x64 and 2x12x512x64".
std::string Describe(const AttentionLayer& layer);

}  // namespace plimsoll::runtime::cudnn

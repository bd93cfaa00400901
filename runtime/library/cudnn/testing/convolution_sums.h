// The sums of a convolution and of its gradients, over dense tensors in double precision.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/library/cudnn/testing/emulated_operation.h"

namespace plimsoll::runtime::cudnn::emulated {

// y = x * w, of one of the three given the two others. Elements are in row-major order of the operation's dims, and of
// the result the sums before alpha and beta. `operation` is a checked convolution; first is its x, second its b.
std::vector<double> ConvolutionSums(const Operation& operation, const std::vector<double>& first,
                                    const std::vector<double>& second);

}  // namespace plimsoll::runtime::cudnn::emulated

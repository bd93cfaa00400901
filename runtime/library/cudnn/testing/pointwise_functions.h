// The functions of cuDNN's pointwise operations, in double precision.
#pragma once

#include "runtime/library/cudnn/testing/emulated_operation.h"

namespace plimsoll::runtime::cudnn::emulated {

// y of an element of x, of b and of t, where the mode takes them; of an index, where it is one, along the mode's axis.
double PointwiseValue(const PointwiseParameters& pointwise, double x, double b, double t, int64_t index);

}  // namespace plimsoll::runtime::cudnn::emulated

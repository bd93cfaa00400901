// The tables of host functions, one a file of this folder.
#pragma once

#include "absl/types/span.h"
#include "runtime/host/host_function.h"

namespace plimsoll::runtime {

absl::Span<const NamedHostFunction> IndexingFunctions();   // gather_nd, scatter_elements, scatter_nd
absl::Span<const NamedHostFunction> SelectionFunctions();  // top_k, non_zero, unique, compress
absl::Span<const NamedHostFunction> DetectionFunctions();  // non_max_suppression, roi_align, grid_sample, deform_conv
absl::Span<const NamedHostFunction> PoolingFunctions();    // max_pool_with_indices, max_unpool
absl::Span<const NamedHostFunction> RandomFunctions();     // random_normal, random_uniform, bernoulli, multinomial
absl::Span<const NamedHostFunction> SequenceFunctions();   // reverse_sequence, cumsum
absl::Span<const NamedHostFunction> SignalFunctions();     // dft, stft, det
absl::Span<const NamedHostFunction> ColumnFunctions();     // col2im

}  // namespace plimsoll::runtime

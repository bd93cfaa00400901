// The tables of host functions, one a file of this folder. Functions have ONNX's operator names in snake_case, its
// inputs and outputs in order, and its attributes by name.
#pragma once

#include "absl/types/span.h"
#include "runtime/host/host_function.h"

namespace plimsoll::runtime {

absl::Span<const NamedHostFunction> IndexingFunctions();   // gather_nd, scatter_elements, scatter_nd, tensor_scatter
absl::Span<const NamedHostFunction> SelectionFunctions();  // top_k, non_zero, unique, compress
absl::Span<const NamedHostFunction> DetectionFunctions();  // non_max_suppression, roi_align, max_roi_pool
absl::Span<const NamedHostFunction> SamplingFunctions();   // grid_sample, deform_conv
absl::Span<const NamedHostFunction> ResizeFunctions();     // resize
absl::Span<const NamedHostFunction> PoolingFunctions();    // max_pool_with_indices, max_unpool, col2_im
absl::Span<const NamedHostFunction>
RandomFunctions();  // random_normal, random_uniform, bernoulli, multinomial, dropout
absl::Span<const NamedHostFunction> SequenceFunctions();      // reverse_sequence, cum_sum, cum_prod
absl::Span<const NamedHostFunction> SignalFunctions();        // dft, stft, mel_weight_matrix, det
absl::Span<const NamedHostFunction> ConversionFunctions();    // bit_cast, round_to_power_of_two
absl::Span<const NamedHostFunction> VectorizerFunctions();    // tf_idf_vectorizer
absl::Span<const NamedHostFunction> TreeEnsembleFunctions();  // tree_ensemble

}  // namespace plimsoll::runtime

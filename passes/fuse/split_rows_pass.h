// Reductions over few long rows become two: over parts of the rows, then over the parts.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"
#include "passes/fuse/row_parts.h"

namespace plimsoll::passes {

// For GPUs, where a row is one block's work: reductions, softmax and normalizations whose rows are too few for the
// multiprocessors (row_parts.h says when) are said as partial results, which are tensors like any other, a reduction
// over these, and what is left to do for each element. No kernel needs workspace or atomics: the same bytes each run.
// What is of f16 or bf16 is summed in f32, the partial results too. Variances are combined from the parts' means and
// squared deviations (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
// variances", 1979), the sums of a softmax from the parts' own largest elements. Before the fuse pass, which puts
// around each of the new operations what was around the old one.
std::unique_ptr<mlir::Pass> CreateSplitRowsPass(RowMachine machine);
// plimsoll-split-rows{multiprocessors=108 bytes-per-second=1.555e12}
void RegisterSplitRowsPass();

}  // namespace plimsoll::passes

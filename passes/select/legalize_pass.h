// What the library cannot do as it stands, said otherwise.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"
#include "passes/select/library_model.h"

namespace plimsoll::passes {

// Asks the library for each of its operations; those that it cannot do become
//   f16, bf16 contractions and poolings  -> f32 ones between casts. Large weights keep their type and are cast in run.
//   products of other types              -> multiplications and a sum
//   poolings of other types              -> in f32, where that is exact (8 and 16 bits)
//   averages that count a part of the padding -> all of it, times a constant
// What remains is left to the select pass, which refuses it.
std::unique_ptr<mlir::Pass> CreateLegalizePass(LibraryModel& library);
// plimsoll-legalize{lacks=bf16,i16}: with a library that knows everything but these element types.
void RegisterLegalizePass();

}  // namespace plimsoll::passes

// Which operations the library computes and what it needs for them: workspace, packed weights.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "mlir/Pass/Pass.h"
#include "passes/select/library_model.h"

namespace plimsoll::passes {

// Sets kWorkspaceAttribute, kLibraryAttribute and kPackedAttribute on all library operations. Weights are packed where every use of theirs
// is a library call that wants them so: packing a weight that is read plain too would hold it twice.
// Where the library cannot do an operation, `refusals` gets a line naming the node, and the pass fails at its end.
std::unique_ptr<mlir::Pass> CreateSelectPass(LibraryModel& library, std::vector<absl::Status>& refusals);

// plimsoll-select for plimsoll-opt: a library that takes everything and packs nothing.
void RegisterSelectPass();

}  // namespace plimsoll::passes

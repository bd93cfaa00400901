#include "compiler/codegen/codegen.h"
#include "compiler/codegen/nest.h"

namespace plimsoll::codegen {

std::vector<InPlacePair> InPlacePairs(mlir::Operation* op) {
  LoadKernelDialects(op->getContext());
  std::vector<InPlacePair> pairs;
  auto region = LowerToRegion(op, /*diagnose=*/false);
  if (mlir::failed(region)) return pairs;
  auto nests = PlanNests(*region);
  if (mlir::failed(nests) || nests->size() != 1) return pairs;
  const Nest& nest = (*nests)[0];
  size_t number = 0;
  for (const Access& store : nest.accesses) {
    if (!store.store) continue;
    const Root& root = nest.roots[number++];
    if (root.of_row) continue;  // a row's result is written while other rows are still to be read
    for (mlir::BlockArgument argument : region->body->getArguments()) {
      bool read = false, same = true;
      for (const Access& access : nest.accesses) {
        if (access.source != argument) continue;
        read = true;
        same &= !access.store && access.address == store.address && access.bytes == store.bytes;
      }
      if (read && same) pairs.push_back({argument.getArgNumber(), root.result});
    }
  }
  return pairs;
}

}  // namespace plimsoll::codegen

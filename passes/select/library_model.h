// What the select pass asks a vendor's library. The passes do not know the library: compiler/ answers for it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "ir/graph/graph.h"
#include "passes/cost/memory_of.h"

namespace plimsoll::passes {

struct LibraryAnswer {
  std::string library;   // as LibraryOf
  int64_t workspace_bytes = 0;
  // Operands (by their number in the graph) that the library wants in its own layout, and the bytes of that.
  llvm::SmallVector<std::pair<unsigned, int64_t>> packed;
};

class LibraryModel {
 public:
  virtual ~LibraryModel() = default;
  // What `op` needs. With `constant_weights`, operands that may be packed are asked in the layout that the library likes
  // best. kUnimplemented where the library cannot do it; the message says why.
  virtual absl::StatusOr<LibraryAnswer> Ask(mlir::Operation* op, bool constant_weights) = 0;
  // The name of the library that computes `op`; empty where a generated kernel does.
  virtual std::string LibraryOf(mlir::Operation* op) = 0;
};

// Left by the select pass on library operations, beside kWorkspaceAttribute.
inline constexpr char kLibraryAttribute[] = "plimsoll.library";  // string; absent: a generated kernel
inline constexpr char kPackedAttribute[] = "plimsoll.packed";  // array<i64: operand, bytes, ...>

}  // namespace plimsoll::passes

// Operation graphs of the emulated graph interface: operations joined by the ids of their tensors.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/library/cudnn/testing/emulated_operation.h"

namespace plimsoll::runtime::cudnn::emulated {

struct Graph : Content {
  std::vector<Operation> operations;  // each behind those whose results it reads
  std::map<int64_t, Tensor> tensors;  // by id

  // Ids of the tensors that a variant pack gives addresses of.
  std::vector<int64_t> InPack() const;
  // Whether an operation writes this tensor.
  bool IsResult(int64_t id) const;
  // Whether pointwise operations alone read it, element by element.
  bool IsReadPointwise(int64_t id) const;
  bool HasConvolution() const;
  // The operations in order, as "forward, pointwise 0".
  std::string Name() const;
};

// kBadParam where there are no operations, one was not finalized, a tensor has two producers, one id stands for two
// tensors, a virtual tensor has no producer, no result is in memory, or operations wait for each other.
Outcome MakeGraph(Object& object);

}  // namespace plimsoll::runtime::cudnn::emulated

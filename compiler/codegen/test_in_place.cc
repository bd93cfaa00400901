// What the tests of every target share of TestKernel.
#include <gtest/gtest.h>

#include <cstring>

#include "compiler/codegen/test_kernel.h"

namespace plimsoll::codegen {

void TestKernel::CheckInPlace(const std::vector<std::string>& operands, const std::vector<std::string>& results) const {
  std::vector<std::string> memory = operands;
  memory.insert(memory.end(), results.begin(), results.end());
  std::vector<const void*> buffers;
  for (std::string& bytes : memory) buffers.push_back(bytes.data());
  std::vector<bool> taken(memory.size(), false);
  for (const InPlacePair& pair : in_place_) {
    const size_t result = operands.size() + pair.result;
    if (taken[pair.operand] || taken[result] || memory[pair.operand].size() != memory[result].size()) continue;
    taken[pair.operand] = taken[result] = true;
    buffers[result] = buffers[pair.operand];
  }
  if (kernel_.tiles > 0) Call(buffers, 0, kernel_.tiles);
  for (size_t i = 0; i < results.size(); ++i) {
    if (memcmp(buffers[operands.size() + i], results[i].data(), results[i].size()) == 0) continue;
    ADD_FAILURE() << "result " << i << " differs where results lie in the place of operands";
  }
}

}  // namespace plimsoll::codegen

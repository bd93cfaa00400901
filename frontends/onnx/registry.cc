#include "frontends/onnx/registry.h"

#include <map>
#include <utility>

namespace plimsoll::onnx_frontend {

struct Registry::Table {
  std::map<std::pair<std::string, std::string>, Converter> converters;
};

Registry::Registry() : table_(std::make_shared<Table>()) {
  RegisterElementwise(*this);
  RegisterReduction(*this);
  RegisterNormalization(*this);
  RegisterContraction(*this);
  RegisterPooling(*this);
  RegisterMovement(*this);
  RegisterResize(*this);
  RegisterShape(*this);
  RegisterRecurrent(*this);
  RegisterControl(*this);
  RegisterQuantization(*this);
  RegisterHost(*this);
  RegisterSequence(*this);
  RegisterDataDependent(*this);
  RegisterOptimizers(*this);
  RegisterMachineLearning(*this);
  RegisterMicrosoft(*this);
}

const Registry& Registry::Instance() {
  static const Registry registry;
  return registry;
}

void Registry::Add(const std::string& op_type, Converter converter, const std::string& domain) {
  table_->converters[{domain, op_type}] = std::move(converter);
}

const Converter* Registry::Find(const std::string& domain, const std::string& op_type) const {
  auto found = table_->converters.find({domain, op_type});
  return found == table_->converters.end() ? nullptr : &found->second;
}

}  // namespace plimsoll::onnx_frontend

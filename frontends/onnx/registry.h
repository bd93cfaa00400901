// Which function converts which operator. A family's file registers its own.
#pragma once

#include <functional>
#include <string>

namespace plimsoll::onnx_frontend {

class NodeContext;

// Sets the node's outputs, or throws ImportError.
using Converter = std::function<void(NodeContext&)>;

class Registry {
 public:
  // Every family's converters.
  static const Registry& Instance();

  void Add(const std::string& op_type, Converter converter, const std::string& domain = "");
  // Null where there is none.
  const Converter* Find(const std::string& domain, const std::string& op_type) const;

 private:
  Registry();
  struct Table;
  std::shared_ptr<Table> table_;
};

// One a family.
void RegisterElementwise(Registry& registry);
void RegisterReduction(Registry& registry);
void RegisterNormalization(Registry& registry);
void RegisterContraction(Registry& registry);
void RegisterPooling(Registry& registry);
void RegisterMovement(Registry& registry);
void RegisterResize(Registry& registry);
void RegisterShape(Registry& registry);
void RegisterRecurrent(Registry& registry);
void RegisterControl(Registry& registry);
void RegisterQuantization(Registry& registry);
void RegisterHost(Registry& registry);
void RegisterSequence(Registry& registry);
void RegisterDataDependent(Registry& registry);
void RegisterOptimizers(Registry& registry);
void RegisterMachineLearning(Registry& registry);
void RegisterMicrosoft(Registry& registry);

}  // namespace plimsoll::onnx_frontend

#include "runtime/library/cudnn/testing/emulated_engine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cudnn {

using backend::BehaviorNote;
using backend::DescriptorType;
using backend::HeuristicsMode;
using backend::NumericalNote;
using backend::PointwiseMode;

bool EmulatedEngine::Has(NumericalNote note) const {
  return std::find(numerical_notes.begin(), numerical_notes.end(), note) != numerical_notes.end();
}
bool EmulatedEngine::Has(BehaviorNote note) const {
  return std::find(behavior_notes.begin(), behavior_notes.end(), note) != behavior_notes.end();
}

std::vector<EmulatedEngine> DefaultEngines() {
  using Rounding = EmulatedEngine::Rounding;
  std::vector<EmulatedEngine> engines(11);
  for (size_t i = 0; i < engines.size(); ++i) engines[i].index = static_cast<int64_t>(i) + 10;
  engines[0].workspace_bytes = int64_t{1} << 40;
  engines[1].numerical_notes = {NumericalNote::kNonDeterministic};
  engines[1].is_random = true;
  engines[2].is_supported = false;
  engines[3].numerical_notes = {NumericalNote::kTensorCore, NumericalNote::kDownConvertInputs};
  engines[3].rounding = Rounding::kBfloat16;
  // The error of Winograd's large tiles comes out as that of rounded operands.
  engines[4].numerical_notes = {NumericalNote::kWinograd, NumericalNote::kWinogradTile13x13};
  engines[4].rounding = Rounding::kBfloat16;
  engines[5].behavior_notes = {BehaviorNote::kRuntimeCompilation};
  engines[5].has_plan = false;
  engines[6].behavior_notes = {BehaviorNote::kRuntimeCompilation};
  engines[6].workspace_bytes = 64;
  engines[7].numerical_notes = {NumericalNote::kTensorCore};
  engines[7].rounding = Rounding::kTf32;
  engines[7].workspace_bytes = 512;
  engines[7].copies_operands = true;
  engines[8].workspace_bytes = 100;
  engines[9].mode = engines[10].mode = HeuristicsMode::kFallback;
  engines[9].behavior_notes = {BehaviorNote::kRuntimeCompilation};
  engines[9].numerical_notes = {NumericalNote::kTensorCore};
  engines[9].rounding = Rounding::kTf32;
  return engines;
}

namespace emulated {
namespace {

bool IsSum(const Operation& operation) {
  return operation.kind == DescriptorType::kPointwiseOperation && operation.pointwise.mode == PointwiseMode::kAdd;
}

// One element a channel.
bool IsBias(const Tensor& tensor, const Tensor& result) {
  return tensor.dims.size() > 1 && tensor.dims[1] == result.dims[1] && Count(tensor.dims) == tensor.dims[1];
}

// Operations after the convolution are a chain: each reads the result of the one before as x.
bool IsChain(const Graph& graph) {
  for (size_t i = 1; i < graph.operations.size(); ++i) {
    const Operation& operation = graph.operations[i];
    if (operation.kind != DescriptorType::kPointwiseOperation || operation.x.id != graph.operations[i - 1].y.id ||
        !operation.x.is_virtual) {
      return false;
    }
  }
  return true;
}

bool IsPrecompiled(const Graph& graph) {
  const std::vector<Operation>& operations = graph.operations;
  if (!operations[0].IsConvolution()) return false;
  if (operations.size() == 1) return true;
  if (operations[0].kind != DescriptorType::kConvolutionForward || !IsChain(graph)) return false;
  size_t next = 1;
  // Beside another sum; a result of one element a channel has a bias of its own shape.
  if (operations.size() > 2 && IsSum(operations[1]) && IsSum(operations[2]) &&
      operations[1].b->dims == operations[0].y.dims) {
    ++next;
  }
  if (!IsSum(operations[next]) || !IsBias(*operations[next].b, operations[0].y)) return false;
  ++next;
  if (next == operations.size()) return true;
  return next + 1 == operations.size() && operations[next].pointwise.mode == PointwiseMode::kReluForward;
}

// Whether what lies side by side are multiples of 8 elements: the heads of attention's operands.
bool HasWholeHeads(const Tensor& tensor) {
  for (size_t i = 0; i < tensor.dims.size(); ++i) {
    if (tensor.dims[i] > 1 && tensor.strides[i] == 1 && tensor.dims[i] % 8 != 0) return false;
  }
  return true;
}

// Two of them are attention, more its gradient.
int64_t Products(const Graph& graph) {
  return std::count_if(graph.operations.begin(), graph.operations.end(),
                       [](const Operation& operation) { return operation.kind == DescriptorType::kMatmulOperation; });
}

// A softmax between two products whose statistics are not computed, virtual ones at the least.
bool IsAttentionWithoutStatistics(const Graph& graph) {
  auto has = [&](auto is) { return std::any_of(graph.operations.begin(), graph.operations.end(), is); };
  return Products(graph) == 2 &&
         has([](const Operation& operation) { return operation.kind == DescriptorType::kReductionOperation; }) &&
         !has([](const Operation& operation) {
           return operation.kind == DescriptorType::kPointwiseOperation &&
                  operation.pointwise.mode == PointwiseMode::kLog;
         });
}

Outcome CheckProduct(const Operation& operation, int64_t products) {
  for (const Tensor* tensor : {&operation.x, &*operation.b}) {
    if (!tensor->IsInMemory() || products == 1) continue;
    if (!HasWholeHeads(*tensor)) return Unsupported("attention with heads of no multiple of 8 elements");
    if (products > 2 && tensor->type == kFloat) return Unsupported("attention's gradient of f32");
  }
  // The library has engines for some (in attention's gradient); what they round is not documented.
  if (operation.x.type != operation.b->type) return Unsupported("a product of different types");
  return {};
}

Outcome CheckTypes(const Graph& graph) {
  for (const auto& [id, tensor] : graph.tensors) {
    if (!tensor.is_virtual && tensor.type != kFloat && tensor.type != kHalf && tensor.type != kBfloat16) {
      return Unsupported(absl::StrCat("tensor ", id, " is not of f32, f16 or bf16"));
    }
  }
  for (const Operation& operation : graph.operations) {
    if (operation.kind == DescriptorType::kMatmulOperation) {
      if (Outcome outcome = CheckProduct(operation, Products(graph)); !outcome.ok()) return outcome;
    }
    if (!operation.IsConvolution()) continue;
    if (operation.x.type != operation.b->type || (operation.y.IsInMemory() && operation.y.type != operation.x.type)) {
      return Unsupported("a convolution of different types");
    }
    if (operation.convolution.compute_type != kFloat) return Unsupported("a convolution that does not add in f32");
  }
  return {};
}

}  // namespace

Outcome CheckSupport(const EmulatedEngine& engine, const Graph& graph) {
  if (!engine.is_supported) return Unsupported("an engine that supports nothing");
  if (Outcome outcome = CheckTypes(graph); !outcome.ok()) return outcome;
  // Tensor cores are fed 16 bytes at once.
  const bool is_compiled = engine.Has(BehaviorNote::kRuntimeCompilation);
  for (const auto& [id, tensor] : graph.tensors) {
    if (!tensor.IsInMemory()) continue;
    if ((is_compiled || engine.Has(NumericalNote::kTensorCore)) && tensor.alignment % 16 != 0) {
      return Unsupported(absl::StrCat("tensor ", id, " does not begin at a multiple of 16 bytes"));
    }
    if (is_compiled && graph.HasConvolution() && !tensor.IsChannelsLast()) {
      return Unsupported(absl::StrCat("tensor ", id, " does not have its channels last"));
    }
  }
  if (IsAttentionWithoutStatistics(graph)) return Unsupported("attention without its statistics");
  if (!is_compiled && !IsPrecompiled(graph)) return Unsupported("operations that were not compiled with the library");
  return {};
}

int64_t WorkspaceBytes(const EmulatedEngine& engine, const Graph& graph) {
  int64_t bytes = engine.workspace_bytes;
  for (const auto& [id, tensor] : graph.tensors) {
    if (engine.copies_operands && tensor.IsInMemory() && !tensor.IsChannelsLast()) {
      bytes += Count(tensor.dims) * ElementBytes(tensor.type);
    }
  }
  return bytes;
}

}  // namespace emulated
}  // namespace plimsoll::runtime::cudnn

#include "runtime/library/nvidia/description.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace plimsoll::runtime::nvidia {

absl::StatusOr<View> ViewOf(const plan::MemoryDesc& desc, int rank) {
  constexpr int64_t kMost = int64_t{1} << 62;
  if (desc.strides_size() != 0 && desc.strides_size() != desc.dims_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a description with ", desc.dims_size(), " dims and ", desc.strides_size(), " strides"));
  }
  View view;
  view.dims.assign(desc.dims().begin(), desc.dims().end());
  view.strides.assign(desc.strides().begin(), desc.strides().end());
  __int128 count = 1, span = 0;
  for (int64_t dim : view.dims) {
    if (dim < 0) return absl::InvalidArgumentError(absl::StrCat("a dimension of ", dim, " elements"));
    count *= std::max<int64_t>(dim, 1);
    if (count >= kMost) return absl::InvalidArgumentError("a tensor of too many elements");
  }
  if (view.strides.empty()) {
    view.strides.resize(view.dims.size());
    int64_t stride = 1;
    for (size_t i = view.dims.size(); i-- > 0; stride *= std::max<int64_t>(view.dims[i], 1)) view.strides[i] = stride;
  }
  for (size_t i = 0; i < view.dims.size(); ++i) {
    if (view.strides[i] < 0) return absl::InvalidArgumentError(absl::StrCat("a stride of ", view.strides[i]));
    span += static_cast<__int128>(std::max<int64_t>(view.dims[i], 1) - 1) * view.strides[i];
  }
  if (span >= kMost) return absl::InvalidArgumentError("a tensor whose strides reach too far");
  if (static_cast<int>(view.dims.size()) < rank) {
    const size_t missing = rank - view.dims.size();
    view.dims.insert(view.dims.begin(), missing, 1);
    view.strides.insert(view.strides.begin(), missing, 0);
  }
  return view;
}

bool HasZeroElements(const plan::MemoryDesc& desc) {
  return std::any_of(desc.dims().begin(), desc.dims().end(), [](int64_t dim) { return dim == 0; });
}

absl::StatusOr<int> ArchitectureOf(const plan::Target& target) {
  absl::string_view digits = target.architecture();
  int number = 0;
  if (!absl::ConsumePrefix(&digits, "sm_") || !absl::SimpleAtoi(digits, &number) || number < 10 || number > 9999) {
    return absl::InvalidArgumentError(
        absl::StrCat("the target's architecture is '", target.architecture(), "', not sm_NN"));
  }
  return number;
}

int64_t ElementBytes(plan::DataType type) {
  switch (type) {
    case plan::F64:
      return 8;
    case plan::F32:
      return 4;
    case plan::F16:
    case plan::BF16:
      return 2;
    default:
      return 1;
  }
}

absl::StatusOr<Epilogue> EpilogueOf(const google::protobuf::RepeatedPtrField<plan::PostOp>& list,
                                    const plan::MemoryDesc& dst) {
  Epilogue epilogue;
  for (const plan::PostOp& op : list) {
    const bool is_first = epilogue.addend == Epilogue::Addend::kNone && epilogue.activation == Activation::kNone;
    const bool is_last = epilogue.activation == Activation::kNone;
    if (op.kind() == plan::PostOp::SUM && is_first) {
      epilogue.addend = Epilogue::Addend::kDestination;
    } else if (op.kind() == plan::PostOp::BINARY && op.function() == "add" && is_first &&
               op.operand().dtype() == dst.dtype() && op.operand().packed_bytes() == 0 &&
               std::equal(op.operand().dims().begin(), op.operand().dims().end(), dst.dims().begin(),
                          dst.dims().end())) {
      epilogue.addend = Epilogue::Addend::kOperand;
      epilogue.operand = op.operand();
    } else if (op.kind() == plan::PostOp::ELTWISE && op.function() == "relu" && is_last) {
      epilogue.activation = Activation::kRelu;
    } else if (op.kind() == plan::PostOp::ELTWISE && op.function() == "gelu_tanh" && is_last) {
      epilogue.activation = Activation::kGeluTanh;
    } else {
      return absl::UnimplementedError(absl::StrCat(
          "a post-operation '", op.kind() == plan::PostOp::SUM ? "sum" : op.function(),
          "' in its place: one addend of the destination's shape, then relu or gelu_tanh are what one call computes"));
    }
  }
  return epilogue;
}

}  // namespace plimsoll::runtime::nvidia

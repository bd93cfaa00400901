#include "runtime/library/onednn/post_ops.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/library/onednn/descriptors.h"
#include "runtime/library/onednn/engine.h"

namespace plimsoll::runtime::onednn {
namespace {

struct Eltwise {
  const char* name;
  dnnl::algorithm algorithm;
  // Where true, `alpha` and `beta` of the function are the post-op's; else the two below.
  bool from_op;
  float alpha = 0;
  float beta = 0;
};

constexpr Eltwise kEltwise[] = {
    {"relu", dnnl::algorithm::eltwise_relu, false},
    {"leaky_relu", dnnl::algorithm::eltwise_relu, true},
    {"clip", dnnl::algorithm::eltwise_clip, true},
    {"sigmoid", dnnl::algorithm::eltwise_logistic, false},
    {"tanh", dnnl::algorithm::eltwise_tanh, false},
    {"gelu_erf", dnnl::algorithm::eltwise_gelu_erf, false},
    {"gelu_tanh", dnnl::algorithm::eltwise_gelu_tanh, false},
    {"silu", dnnl::algorithm::eltwise_swish, false, 1},
    {"hard_swish", dnnl::algorithm::eltwise_hardswish, false, 1.0f / 6, 0.5f},
    {"hard_sigmoid", dnnl::algorithm::eltwise_hardsigmoid, true},
    {"elu", dnnl::algorithm::eltwise_elu, true},
    {"softplus", dnnl::algorithm::eltwise_soft_relu, false, 1},
    {"mish", dnnl::algorithm::eltwise_mish, false},
    {"exp", dnnl::algorithm::eltwise_exp, false},
    {"abs", dnnl::algorithm::eltwise_abs, false},
    {"sqrt", dnnl::algorithm::eltwise_sqrt, false},
    {"square", dnnl::algorithm::eltwise_square, false},
    {"linear", dnnl::algorithm::eltwise_linear, true},
};

struct Binary {
  const char* name;
  dnnl::algorithm algorithm;
};

constexpr Binary kBinary[] = {
    {"add", dnnl::algorithm::binary_add}, {"mul", dnnl::algorithm::binary_mul}, {"sub", dnnl::algorithm::binary_sub},
    {"div", dnnl::algorithm::binary_div}, {"max", dnnl::algorithm::binary_max}, {"min", dnnl::algorithm::binary_min},
};

}  // namespace

int PostOpOperands(const PostOpList& list) {
  int count = 0;
  for (const plan::PostOp& op : list) count += op.kind() == plan::PostOp::BINARY ? 1 : 0;
  return count;
}

absl::Status AppendPostOps(const PostOpList& list, int operand, int rank, dnnl::post_ops& ops,
                           std::vector<Step::Argument>& arguments) {
  for (const plan::PostOp& op : list) {
    bool known = false;
    switch (op.kind()) {
      case plan::PostOp::SUM:
        ops.append_sum();
        known = true;
        break;
      case plan::PostOp::ELTWISE:
        for (const Eltwise& eltwise : kEltwise) {
          if (op.function() != eltwise.name) continue;
          ops.append_eltwise(eltwise.algorithm, eltwise.from_op ? op.alpha() : eltwise.alpha,
                             eltwise.from_op ? op.beta() : eltwise.beta);
          known = true;
        }
        break;
      case plan::PostOp::BINARY:
        for (const Binary& binary : kBinary) {
          if (op.function() != binary.name) continue;
          auto desc = PlainDesc(op.operand(), rank);
          if (!desc.ok()) return desc.status();
          arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(ops.len()) | DNNL_ARG_SRC_1, *desc, {operand++}});
          ops.append_binary(binary.algorithm, *desc);
          known = true;
        }
        break;
      default: break;
    }
    if (!known) {
      return absl::UnimplementedError(absl::StrCat("post-op ", plan::PostOp::Kind_Name(op.kind()), " '", op.function(),
                                                   "' is unknown to the oneDNN room"));
    }
  }
  return absl::OkStatus();
}

bool IsReference(const dnnl::primitive_desc_base& pd) { return std::string(pd.impl_info_str()).rfind("ref", 0) == 0; }

absl::Status RefuseSlowHalves(const dnnl::memory::desc& src, const dnnl::primitive_desc_base& pd,
                              const dnnl::post_ops& ops) {
  const dnnl::memory::data_type type = src.get_data_type();
  const bool half = type == dnnl::memory::data_type::bf16 || type == dnnl::memory::data_type::f16;
  if (!half || ops.len() > 0 || !IsReference(pd)) return absl::OkStatus();
  return absl::UnimplementedError("oneDNN has reference loops alone for these types and shapes");
}

bool RunsBetterApart(const dnnl::primitive_desc_base& pd, const dnnl::post_ops& ops) {
  if (!IsReference(pd) || ops.len() == 0) return false;
  for (int i = 0; i < ops.len(); ++i) {
    if (ops.kind(i) == dnnl::primitive::kind::sum) return false;  // needs what the destination held
  }
  return true;
}

void AddPostOpSteps(const dnnl::post_ops& ops, const std::vector<Step::Argument>& arguments,
                    const dnnl::memory::desc& dst, int dst_operand, Recipe& recipe) {
  for (int i = 0; i < ops.len(); ++i) {
    dnnl::algorithm algorithm;
    if (ops.kind(i) == dnnl::primitive::kind::eltwise) {
      float alpha = 0, beta = 0;
      ops.get_params_eltwise(i, algorithm, alpha, beta);
      auto pd = std::make_shared<dnnl::eltwise_forward::primitive_desc>(
          Engine(), dnnl::prop_kind::forward_inference, algorithm, dst, dst, alpha, beta, Attributes());
      recipe.AddPrimitive(std::move(pd), {{DNNL_ARG_SRC, dst, {dst_operand}}, {DNNL_ARG_DST, dst, {dst_operand}}});
      continue;
    }
    dnnl::memory::desc operand;
    ops.get_params_binary(i, algorithm, operand);
    Place place;
    for (const Step::Argument& argument : arguments) {
      if (argument.id == (DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1)) place = argument.place;
    }
    auto pd = std::make_shared<dnnl::binary::primitive_desc>(Engine(), algorithm, dst, operand, dst, Attributes());
    recipe.AddPrimitive(std::move(pd), {{DNNL_ARG_SRC_0, dst, {dst_operand}},
                                        {DNNL_ARG_SRC_1, operand, place},
                                        {DNNL_ARG_DST, dst, {dst_operand}}});
  }
}

}  // namespace plimsoll::runtime::onednn

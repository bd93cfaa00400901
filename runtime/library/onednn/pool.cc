#include "absl/strings/str_cat.h"
#include "runtime/library/onednn/descriptors.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<Recipe> PoolRecipe(const plan::Pool& op) {
  Recipe recipe;
  recipe.operands = 2;
  const int spatial = op.src().dims_size() - 2;
  if (spatial < 1 || spatial > 3) {
    return absl::UnimplementedError(absl::StrCat("oneDNN pools 1 to 3 spatial dimensions, this has ", spatial));
  }
  if (op.kernel_size() != spatial || op.dst().dims_size() != spatial + 2) {
    return absl::InvalidArgumentError("a pool's kernel or destination does not match its source's dimensions");
  }
  for (const auto* list : {&op.strides(), &op.dilations(), &op.pads_begin(), &op.pads_end()}) {
    if (!list->empty() && list->size() != spatial) {
      return absl::InvalidArgumentError("a pool's strides, dilations or pads do not match its dimensions");
    }
  }
  if (HasZeroElements(op.dst())) return recipe;
  if (HasZeroElements(op.src())) return absl::UnimplementedError("a pool over zero elements");
  auto src = PlainDesc(op.src());
  if (!src.ok()) return src.status();
  auto dst = PlainDesc(op.dst());
  if (!dst.ok()) return dst.status();
  Dims kernel, strides, dilations, pads_begin, pads_end;
  for (int i = 0; i < spatial; ++i) {
    kernel.push_back(op.kernel(i));
    strides.push_back(op.strides().empty() ? 1 : op.strides(i));
    dilations.push_back(op.dilations().empty() ? 0 : op.dilations(i) - 1);
    pads_begin.push_back(op.pads_begin().empty() ? 0 : op.pads_begin(i));
    pads_end.push_back(op.pads_end().empty() ? 0 : op.pads_end(i));
  }
  dnnl::algorithm algorithm = dnnl::algorithm::pooling_max;
  if (op.kind() == plan::Pool::AVERAGE_INCLUDE_PADDING) algorithm = dnnl::algorithm::pooling_avg_include_padding;
  if (op.kind() == plan::Pool::AVERAGE_EXCLUDE_PADDING) algorithm = dnnl::algorithm::pooling_avg_exclude_padding;
  auto pd = std::make_shared<dnnl::pooling_forward::primitive_desc>(
      Engine(), dnnl::prop_kind::forward_inference, algorithm, *src, *dst, strides, kernel, dilations, pads_begin,
      pads_end, Attributes());
  recipe.AddPrimitive(std::move(pd), {{DNNL_ARG_SRC, *src, {0}}, {DNNL_ARG_DST, *dst, {1}}});
  return recipe;
}

}  // namespace plimsoll::runtime::onednn

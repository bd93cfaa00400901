#include "frontends/onnx/window.h"

namespace plimsoll::onnx_frontend {
namespace {

constexpr int64_t kMaxWindow = int64_t{1} << 31;  // of a kernel, stride, dilation or pad

void CheckRange(const Dims& values, int64_t low, const char* what) {
  for (int64_t value : values) {
    if (value < low || value > kMaxWindow) FailMalformed(absl::StrCat(what, " ", value, " is out of range"));
  }
}

}  // namespace

Window ReadWindow(NodeContext& c, Value operand, const Dims& kernel) {
  Check(c.Rank(operand) >= 2, "the operand must have a batch and a channel dimension");
  const size_t rank = c.Rank(operand) - 2;
  const Dims shape = c.Shape(operand);
  Window window;
  window.kernel = c.Ints("kernel_shape").value_or(kernel);
  window.strides = c.Ints("strides").value_or(Dims(rank, 1));
  window.dilations = c.Ints("dilations").value_or(Dims(rank, 1));
  const Dims pads = c.Ints("pads").value_or(Dims(2 * rank, 0));
  window.ceil_mode = c.Flag("ceil_mode", false);
  if (window.kernel.size() != rank || window.strides.size() != rank || window.dilations.size() != rank || pads.size() != 2 * rank) {
    FailMalformed(absl::StrCat("kernel_shape, strides, dilations and pads must fit ", rank, " spatial dimensions"));
  }
  CheckRange(window.kernel, 1, "a kernel size of");
  CheckRange(window.strides, 1, "a stride of");
  CheckRange(window.dilations, 1, "a dilation of");
  CheckRange(pads, -kMaxWindow, "a pad of");
  window.pads_begin.assign(pads.begin(), pads.begin() + rank);
  window.pads_end.assign(pads.begin() + rank, pads.end());
  const std::string auto_pad = c.String("auto_pad", "NOTSET");
  if (auto_pad == "VALID") window.pads_begin = window.pads_end = Dims(rank, 0);
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    for (size_t d = 0; d < rank; ++d) {
      const int64_t size = shape[d + 2], output = (size + window.strides[d] - 1) / window.strides[d];
      const int64_t total = std::max<int64_t>(0, (output - 1) * window.strides[d] + window.Extent(d) - size);
      const int64_t less = total / 2;
      window.pads_begin[d] = auto_pad == "SAME_UPPER" ? less : total - less;
      window.pads_end[d] = total - window.pads_begin[d];
    }
  }
  return window;
}

int64_t WindowOutput(const Window& window, size_t d, int64_t size) {
  const int64_t room = size + window.pads_begin[d] + window.pads_end[d] - window.Extent(d);
  if (room < 0) FailMalformed(absl::StrCat("the window of ", window.Extent(d), " is larger than the padded size ", room + window.Extent(d)));
  return room / window.strides[d] + 1;
}

}  // namespace plimsoll::onnx_frontend

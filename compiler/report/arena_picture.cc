// The session arena: each buffer a box, commands from left to right, offsets from bottom to top.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/report/parts.h"
#include "ir/plan/certificate.h"

namespace plimsoll::report {
namespace {

constexpr double kLeft = 80, kRight = 1060, kTop = 12, kBottom = 412;
constexpr size_t kMostBoxes = 4000;   // the largest; the rest would be below a pixel

}  // namespace

std::string ArenaPicture(const plan::Plan& plan) {
  std::vector<const plan::Buffer*> buffers;
  int64_t top = 1;
  for (const plan::Buffer& buffer : plan.run().buffers()) {
    if (buffer.has_weight() || buffer.arena() < 0 || buffer.arena() >= plan.arenas_size()) continue;
    if (!plan::InSession(plan, buffer)) continue;
    top = std::max(top, plan.arenas(buffer.arena()).size_bytes());
    if (buffer.size_bytes() > 0) buffers.push_back(&buffer);
  }
  std::stable_sort(buffers.begin(), buffers.end(), [](const auto* a, const auto* b) { return a->size_bytes() > b->size_bytes(); });
  const size_t left_out = buffers.size() > kMostBoxes ? buffers.size() - kMostBoxes : 0;
  buffers.resize(buffers.size() - left_out);
  const double height = kBottom - kTop, commands = std::max(1, plan.run().commands_size());
  std::string svg = "<svg viewBox='0 0 1080 440' role=img aria-label='the arena'>";
  absl::StrAppend(&svg, ByteAxis(top, kLeft, kRight, kBottom, height));
  for (const plan::Buffer* buffer : buffers) {
    const double x0 = kLeft + (kRight - kLeft) * buffer->first() / commands, x1 = kLeft + (kRight - kLeft) * buffer->last() / commands;
    const double size = height * static_cast<double>(buffer->size_bytes()) / static_cast<double>(top);
    const double y = kBottom - height * static_cast<double>(buffer->offset()) / static_cast<double>(top) - size;
    absl::StrAppendFormat(&svg, "<rect x='%.1f' y='%.2f' width='%.1f' height='%.2f' fill='%s' fill-opacity='0.8' stroke='#fff' stroke-width='0.4'>", x0, y,
                          std::max(0.5, x1 - x0), std::max(0.2, size), ClassColor(buffer->memory_class()));
    absl::StrAppend(&svg, "<title>", Escape(buffer->name()), ": ", Bytes(buffer->size_bytes()), " at ", buffer->offset(), ", commands [",
                    buffer->first(), ", ", buffer->last(), ")</title></rect>");
  }
  absl::StrAppend(&svg, "</svg>");
  if (left_out > 0) absl::StrAppend(&svg, "<p>", left_out, " smaller buffers are not drawn.</p>");
  return svg;
}

}  // namespace plimsoll::report

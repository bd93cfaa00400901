#include <algorithm>

#include "runtime/library/onednn/descriptors.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {
namespace {

// Of one core, roughly: what matters is which operations are tiny.
constexpr double kFlopsPerSecond = 50e9;
constexpr double kBytesPerSecond = 10e9;
// Below this a thread costs more than it brings: waking it, and waiting for it where it was preempted.
constexpr double kWorthSeconds = 25e-6;

double Elements(const plan::MemoryDesc& desc) {
  double count = 1;
  for (int64_t dim : desc.dims()) count *= static_cast<double>(dim);
  return count;
}

double LastDim(const plan::MemoryDesc& desc) {
  return desc.dims_size() == 0 ? 1 : static_cast<double>(desc.dims(desc.dims_size() - 1));
}

}  // namespace

int ThreadsWorth(double flops, double bytes, int threads) {
  const double seconds = flops / kFlopsPerSecond + bytes / kBytesPerSecond;
  return static_cast<int>(std::clamp(seconds / kWorthSeconds, 1.0, static_cast<double>(std::max(1, threads))));
}

int ThreadsWorth(const plan::LibraryOp& op, int threads) {
  if (op.has_matmul()) {
    const plan::Matmul& matmul = op.matmul();
    const double elements = Elements(matmul.a()) + Elements(matmul.b()) + Elements(matmul.dst());
    return ThreadsWorth(2 * Elements(matmul.dst()) * LastDim(matmul.a()), 4 * elements, threads);
  }
  if (op.has_convolution()) {
    const plan::Convolution& convolution = op.convolution();
    const double weights = Elements(convolution.weights());
    const double elements = Elements(convolution.src()) + weights + Elements(convolution.dst());
    // Each weight meets each output position; transposed, each input position.
    const plan::MemoryDesc& positions = convolution.transposed() ? convolution.src() : convolution.dst();
    const double channels = positions.dims_size() > 1 ? std::max<double>(1, static_cast<double>(positions.dims(1))) : 1;
    return ThreadsWorth(2 * weights * Elements(positions) / channels, 4 * elements, threads);
  }
  if (op.has_pool()) {
    double window = 1;
    for (int64_t dim : op.pool().kernel()) window *= static_cast<double>(dim);
    return ThreadsWorth(4 * window * Elements(op.pool().dst()), 4 * (Elements(op.pool().src()) + Elements(op.pool().dst())),
                        threads);
  }
  return std::max(1, threads);
}

}  // namespace plimsoll::runtime::onednn

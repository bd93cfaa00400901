#include "runtime/host/families.h"
namespace plimsoll::runtime {
absl::Span<const NamedHostFunction> IndexingFunctions() { return {}; }
absl::Span<const NamedHostFunction> SelectionFunctions() { return {}; }
absl::Span<const NamedHostFunction> DetectionFunctions() { return {}; }
absl::Span<const NamedHostFunction> PoolingFunctions() { return {}; }
absl::Span<const NamedHostFunction> RandomFunctions() { return {}; }
absl::Span<const NamedHostFunction> SequenceFunctions() { return {}; }
absl::Span<const NamedHostFunction> SignalFunctions() { return {}; }
absl::Span<const NamedHostFunction> ColumnFunctions() { return {}; }
}  // namespace plimsoll::runtime

#include "runtime/library/cublaslt/testing/emulated_cublaslt.h"

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

namespace plimsoll::runtime::cublaslt {

// The library's own structures, opaque to its users.
struct HandleStruct {};
struct MatmulDescStruct {
  int compute = 0, scale = 0;
  int32_t transpose_a = kOpN, transpose_b = kOpN, bias_type = -1;
  uint32_t epilogue = kEpilogueDefault;
  const void* bias = nullptr;
};
struct MatrixLayoutStruct {
  int type = 0;
  uint64_t rows = 0, columns = 0;
  int64_t leading = 0, batch_stride = 0;
  int32_t batch = 1;
};
struct PreferenceStruct {
  uint64_t workspace = 0;
  uint32_t reduction = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};
};

namespace {

EmulatedCublasLt* state = nullptr;
nvidia::LiveObjects& Live() {
  static auto& live = *new nvidia::LiveObjects;
  return live;
}

int Fail(const char* why, int status = kInvalidValue) {
  state->last_error = why;
  return status;
}

template <typename T, typename... Args>
int Make(T** out, Args&&... args) {
  if (out == nullptr) return Fail("nowhere to put a new object");
  *out = Live().Make<T>(std::forward<Args>(args)...);
  ++state->live_objects;
  return kSuccess;
}
template <typename T>
int Drop(T* object) {
  if (!Live().Drop(object)) return Fail("destroyed what does not live");
  --state->live_objects;
  return kSuccess;
}
bool Lives(const void* object) { return Live().Has(object); }

template <typename T>
int Read(T& field, const void* value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return Fail("an attribute of another size");
  std::memcpy(&field, value, bytes);
  return kSuccess;
}

plan::DataType PlanType(int type) {
  switch (type) {
    case kR32F:
      return plan::F32;
    case kR64F:
      return plan::F64;
    case kR16F:
      return plan::F16;
    case kR16BF:
      return plan::BF16;
    default:
      return plan::DATA_TYPE_UNDEFINED;
  }
}
int64_t Bytes(int type) { return type == kR64F ? 8 : type == kR32F ? 4 : 2; }

size_t GetVersion() { return 130100; }
const char* GetStatusString(int status) { return status == kSuccess ? "success" : state->last_error; }
int Create(Handle* handle) { return Make(handle); }
int Destroy(Handle handle) { return Drop(handle); }

int MatmulDescCreate(MatmulDesc* desc, int compute, int scale) {
  const bool is_known = (compute == kCompute64F && scale == kR64F) ||
                        ((compute == kCompute32F || compute == kCompute32FFastTf32) && scale == kR32F);
  if (!is_known) return Fail("a compute type without this scale type");
  return Make(desc, compute, scale);
}
int MatmulDescDestroy(MatmulDesc desc) { return Drop(desc); }
int MatmulDescSetAttribute(MatmulDesc desc, int attribute, const void* value, size_t bytes) {
  if (!Lives(desc)) return Fail("no matmul descriptor");
  switch (attribute) {
    case kTransA:
      return Read(desc->transpose_a, value, bytes);
    case kTransB:
      return Read(desc->transpose_b, value, bytes);
    case kEpilogue:
      return Read(desc->epilogue, value, bytes);
    case kBiasPointer:
      return Read(desc->bias, value, bytes);
    case kBiasDataType:
      return Read(desc->bias_type, value, bytes);
    default:
      return Fail("an unknown attribute of a matmul");
  }
}

int MatrixLayoutCreate(MatrixLayout* layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  if (PlanType(type) == plan::DATA_TYPE_UNDEFINED) return Fail("an unknown type");
  if (rows == 0 || columns == 0 || leading < static_cast<int64_t>(rows))
    return Fail("a leading dimension below the rows");
  return Make(layout, type, rows, columns, leading);
}
int MatrixLayoutDestroy(MatrixLayout layout) { return Drop(layout); }
int MatrixLayoutSetAttribute(MatrixLayout layout, int attribute, const void* value, size_t bytes) {
  if (!Lives(layout)) return Fail("no layout");
  switch (attribute) {
    case kBatchCount:
      return Read(layout->batch, value, bytes);
    case kStridedBatchOffset:
      return Read(layout->batch_stride, value, bytes);
    default:
      return Fail("an unknown attribute of a layout");
  }
}

int PreferenceCreate(Preference* preference) { return Make(preference); }
int PreferenceDestroy(Preference preference) { return Drop(preference); }
int PreferenceSetAttribute(Preference preference, int attribute, const void* value, size_t bytes) {
  if (!Lives(preference)) return Fail("no preference");
  switch (attribute) {
    case kMaxWorkspaceBytes:
      return Read(preference->workspace, value, bytes);
    case kReductionSchemeMask:
      return Read(preference->reduction, value, bytes);
    case kMinAlignmentABytes:
    case kMinAlignmentBBytes:
    case kMinAlignmentCBytes:
    case kMinAlignmentDBytes:
      return Read(preference->alignment[attribute - kMinAlignmentABytes], value, bytes);
    default:
      return Fail("an unknown attribute of a preference");
  }
}

struct Problem {
  const MatmulDescStruct* desc;
  const MatrixLayoutStruct *a, *b, *c, *d;

  uint64_t m() const { return d->rows; }
  uint64_t n() const { return d->columns; }
  uint64_t k() const { return desc->transpose_a == kOpT ? a->rows : a->columns; }

  int Check() const {
    for (const void* object : {static_cast<const void*>(desc), static_cast<const void*>(a), static_cast<const void*>(b),
                               static_cast<const void*>(c), static_cast<const void*>(d)}) {
      if (!Lives(object)) return Fail("a descriptor that does not live");
    }
    for (int32_t op : {desc->transpose_a, desc->transpose_b}) {
      if (op != kOpN && op != kOpT) return Fail("an unknown operation");
    }
    const bool is_double = desc->compute == kCompute64F;
    const bool half = a->type == kR16F || a->type == kR16BF;
    if (a->type != b->type || c->type != d->type || (a->type == kR64F) != is_double ||
        !(d->type == a->type || (half && d->type == kR32F)) ||
        (desc->compute == kCompute32FFastTf32 && a->type != kR32F)) {
      return Fail("types that do not go together", kNotSupported);
    }
    const bool ta = desc->transpose_a == kOpT, tb = desc->transpose_b == kOpT;
    if ((ta ? a->columns : a->rows) != m() || (tb ? b->rows : b->columns) != n() ||
        (tb ? b->columns : b->rows) != k() || c->rows != m() || c->columns != n()) {
      return Fail("matrices that do not fit together");
    }
    for (const MatrixLayoutStruct* layout : {a, b, c}) {
      if (layout->batch != d->batch || layout->batch < 1) return Fail("batches of different counts");
    }
    const int64_t extent = d->leading * (static_cast<int64_t>(n()) - 1) + static_cast<int64_t>(m());
    if (d->batch > 1 && d->batch_stride < extent) return Fail("results that lie within each other");
    switch (desc->epilogue) {
      case kEpilogueDefault:
      case kEpilogueRelu:
      case kEpilogueGelu:
        break;
      case kEpilogueBias:
      case kEpilogueReluBias:
      case kEpilogueGeluBias:
        if (desc->bias == nullptr) return Fail("a bias at no address");
        if (desc->bias_type != -1 && desc->bias_type != d->type) return Fail("a bias of another type", kNotSupported);
        break;
      default:
        return Fail("an unknown epilogue");
    }
    if (is_double && desc->epilogue != kEpilogueDefault) return Fail("an epilogue in f64", kNotSupported);
    return kSuccess;
  }

  // Of all that an algorithm depends on.
  uint64_t Fingerprint() const {
    uint64_t hash = 1469598103934665603u;
    auto add = [&](uint64_t value) { hash = (hash ^ value) * 1099511628211u; };
    for (int value : {desc->compute, desc->transpose_a, desc->transpose_b, static_cast<int>(desc->epilogue)})
      add(value);
    for (const MatrixLayoutStruct* layout : {a, b, c, d}) {
      for (uint64_t value :
           {static_cast<uint64_t>(layout->type), layout->rows, layout->columns, static_cast<uint64_t>(layout->leading),
            static_cast<uint64_t>(layout->batch_stride), static_cast<uint64_t>(layout->batch)}) {
        add(value);
      }
    }
    return hash;
  }
};

enum Kind : uint64_t { kSplit = 1, kWide = 2, kNarrow = 3 };
constexpr uint64_t kMagic = 0x706c696d;

int AlgoGetHeuristic(Handle handle, MatmulDesc desc, MatrixLayout a, MatrixLayout b, MatrixLayout c, MatrixLayout d,
                     Preference preference, int requested, HeuristicResult* results, int* returned) {
  ++state->heuristic_calls;
  if (!Lives(handle) || !Lives(preference)) return Fail("no handle or preference", kNotInitialized);
  if (requested < 1 || results == nullptr || returned == nullptr) return Fail("no room for results");
  const Problem problem{desc, a, b, c, d};
  if (int status = problem.Check(); status != kSuccess) return status;
  uint64_t alignment = 256;
  for (uint32_t bytes : preference->alignment) {
    if (bytes == 0 || (bytes & (bytes - 1)) != 0) return Fail("an alignment that is no power of two");
    alignment = std::min<uint64_t>(alignment, bytes);
  }
  if ((desc->epilogue & kEpilogueBias) != 0) {
    const uint64_t bias = reinterpret_cast<uintptr_t>(desc->bias);
    alignment =
        std::min(alignment, bias & (~bias + 1));  // "depend on its value to determine expected pointer alignment"
  }
  std::vector<HeuristicResult> found;
  auto offer = [&](Kind kind, uint64_t workspace, uint64_t wants) {
    if (wants > alignment || workspace > preference->workspace) return;
    HeuristicResult result = {};
    result.algorithm = {{kMagic, kind, workspace, wants, problem.Fingerprint()}};
    result.workspace_bytes = workspace;
    result.state = kSuccess;
    result.waves = 1;
    found.push_back(result);
  };
  const uint64_t sums = problem.m() * problem.n() * d->batch * 4;
  if (problem.k() > 256 && (preference->reduction & kReductionComputeType) != 0) offer(kSplit, sums * 8, 16);
  offer(kWide, 0, 16);
  offer(kNarrow, 0, Bytes(a->type));
  if (!state->offers_algorithms || found.empty()) {
    *returned = 0;
    return Fail("no algorithm", kNotSupported);
  }
  *returned = std::min<int>(requested, static_cast<int>(found.size()));
  std::copy_n(found.begin(), *returned, results);
  return kSuccess;
}

struct Operand {
  const void* base;
  MatrixLayoutStruct layout;
  double At(uint64_t row, uint64_t column, int64_t batch) const {
    return nvidia::LoadElement(
        PlanType(layout.type), base,
        static_cast<int64_t>(column) * layout.leading + static_cast<int64_t>(row) + batch * layout.batch_stride);
  }
};

// Host addresses of all elements of a matrix, the first to the last.
const void* HostMatrix(const void* device, const MatrixLayoutStruct& layout, uint64_t alignment) {
  if (device == nullptr || reinterpret_cast<uintptr_t>(device) % alignment != 0) return nullptr;
  const int64_t last = (layout.batch - 1) * layout.batch_stride +
                       (static_cast<int64_t>(layout.columns) - 1) * layout.leading + static_cast<int64_t>(layout.rows);
  return state->host.address(device, last * Bytes(layout.type));
}

void Compute(const MatmulDescStruct& desc, double alpha, double beta, const Operand& a, const Operand& b,
             const Operand& c, const Operand& d, const void* bias, uint64_t k) {
  const bool tf32 = desc.compute == kCompute32FFastTf32;
  const plan::DataType type = PlanType(d.layout.type);
  auto operand = [&](double value) { return tf32 ? nvidia::RoundToTf32(value) : value; };
  for (int64_t batch = 0; batch < d.layout.batch; ++batch) {
    for (uint64_t column = 0; column < d.layout.columns; ++column) {
      for (uint64_t row = 0; row < d.layout.rows; ++row) {
        double sum = 0;
        for (uint64_t i = 0; i < k; ++i) {
          sum += operand(desc.transpose_a == kOpT ? a.At(i, row, batch) : a.At(row, i, batch)) *
                 operand(desc.transpose_b == kOpT ? b.At(column, i, batch) : b.At(i, column, batch));
        }
        double value = alpha * sum;
        if (beta != 0) value += beta * c.At(row, column, batch);
        if ((desc.epilogue & kEpilogueBias) != 0) value += nvidia::LoadElement(type, bias, static_cast<int64_t>(row));
        if ((desc.epilogue & kEpilogueRelu) != 0) value = value > 0 ? value : 0;
        if ((desc.epilogue & kEpilogueGelu) != 0) value = nvidia::GeluTanh(value);
        nvidia::StoreElement(
            type, const_cast<void*>(d.base),
            static_cast<int64_t>(column) * d.layout.leading + static_cast<int64_t>(row) + batch * d.layout.batch_stride,
            value);
      }
    }
  }
}

int Matmul(Handle handle, MatmulDesc desc, const void* alpha, const void* a, MatrixLayout a_layout, const void* b,
           MatrixLayout b_layout, const void* beta, const void* c, MatrixLayout c_layout, void* d,
           MatrixLayout d_layout, const Algorithm* algorithm, void* workspace, size_t workspace_bytes, void* stream) {
  if (!Lives(handle)) return Fail("no handle", kNotInitialized);
  const Problem problem{desc, a_layout, b_layout, c_layout, d_layout};
  if (int status = problem.Check(); status != kSuccess) return status;
  if (alpha == nullptr || beta == nullptr) return Fail("no alpha or beta");
  if (algorithm == nullptr || algorithm->data[0] != kMagic || algorithm->data[4] != problem.Fingerprint()) {
    return Fail("an algorithm of another problem");
  }
  const uint64_t needed = algorithm->data[2], alignment = algorithm->data[3];
  if (needed > workspace_bytes) return Fail("a workspace that is too small");
  if (needed > 0 && (workspace == nullptr || reinterpret_cast<uintptr_t>(workspace) % 256 != 0)) {
    return Fail("a workspace at no multiple of 256");
  }
  if (c == d && (c_layout->leading != d_layout->leading || c_layout->batch_stride != d_layout->batch_stride)) {
    return Fail("C and D in one place, laid out differently");
  }
  double scale_a, scale_b;
  if (desc->scale == kR64F) {
    scale_a = *static_cast<const double*>(alpha), scale_b = *static_cast<const double*>(beta);
  } else {
    scale_a = *static_cast<const float*>(alpha), scale_b = *static_cast<const float*>(beta);
  }
  const Operand operands[] = {{HostMatrix(a, *a_layout, alignment), *a_layout},
                              {HostMatrix(b, *b_layout, alignment), *b_layout},
                              {HostMatrix(c, *c_layout, alignment), *c_layout},
                              {HostMatrix(d, *d_layout, alignment), *d_layout}};
  for (const Operand& operand : operands) {
    if (operand.base == nullptr)
      return Fail("a matrix at an address that is null, misaligned or no memory", kExecutionFailed);
  }
  const void* bias = nullptr;
  if ((desc->epilogue & kEpilogueBias) != 0) {
    if (reinterpret_cast<uintptr_t>(desc->bias) % alignment != 0) return Fail("a misaligned bias", kExecutionFailed);
    bias = state->host.address(desc->bias, static_cast<int64_t>(problem.m()) * Bytes(d_layout->type));
    if (bias == nullptr) return Fail("a bias that is no memory", kExecutionFailed);
  }
  void* scratch = needed > 0 ? state->host.address(workspace, static_cast<int64_t>(needed)) : nullptr;
  if (needed > 0 && scratch == nullptr) return Fail("a workspace that is no memory", kExecutionFailed);
  ++state->matmuls;
  state->last_algorithm = algorithm->data[1];
  const absl::Status queued = state->host.enqueue(stream, "cublasLtMatmul", [=, desc = *desc, k = problem.k()] {
    if (scratch != nullptr) std::memset(scratch, 0x5a, needed);
    Compute(desc, scale_a, scale_b, operands[0], operands[1], operands[2], operands[3], bias, k);
  });
  return queued.ok() ? kSuccess : Fail("the stream does not take work", kExecutionFailed);
}

}  // namespace

const Api* Emulate(EmulatedCublasLt* configuration) {
  static const Api api = {
      GetVersion,
      GetStatusString,
      Create,
      Destroy,
      MatmulDescCreate,
      MatmulDescDestroy,
      MatmulDescSetAttribute,
      MatrixLayoutCreate,
      MatrixLayoutDestroy,
      MatrixLayoutSetAttribute,
      PreferenceCreate,
      PreferenceDestroy,
      PreferenceSetAttribute,
      AlgoGetHeuristic,
      Matmul,
  };
  state = configuration;
  return &api;
}

}  // namespace plimsoll::runtime::cublaslt

#include "compiler/codegen/cuda/library_testing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "compiler/codegen/cuda/emulator/guarded_buffer.h"

namespace plimsoll::codegen {
namespace {

struct FloatFormat {
  int bits, mantissa, bias;
  bool infinities, unsigned_zero;
};
FloatFormat FormatOf(plan::DataType type) {
  switch (type) {
    case plan::F16:
      return {16, 10, 15, true, false};
    case plan::BF16:
      return {16, 7, 127, true, false};
    case plan::F8E4M3FN:
      return {8, 3, 7, false, false};
    case plan::F8E4M3FNUZ:
      return {8, 3, 8, false, true};
    case plan::F8E5M2:
      return {8, 2, 15, true, false};
    default:
      return {8, 2, 16, false, true};
  }
}

double DecodeSmall(const FloatFormat& f, uint32_t code) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const uint32_t sign_bit = 1u << (f.bits - 1), magnitude = code & (sign_bit - 1);
  if (f.unsigned_zero && code == sign_bit) return nan;
  const int exponents = 1 << (f.bits - 1 - f.mantissa), exponent = static_cast<int>(magnitude >> f.mantissa);
  const double fraction = static_cast<double>(magnitude & ((1u << f.mantissa) - 1)) / (1 << f.mantissa);
  double value;
  if (f.infinities && exponent == exponents - 1)
    value = fraction == 0 ? std::numeric_limits<double>::infinity() : nan;
  else if (!f.infinities && !f.unsigned_zero && magnitude == sign_bit - 1)
    value = nan;
  else
    value = exponent == 0 ? std::ldexp(fraction, 1 - f.bias) : std::ldexp(1 + fraction, exponent - f.bias);
  return code & sign_bit ? -value : value;
}

// The nearest of all codes' values.
uint32_t EncodeSmall(plan::DataType type, double value) {
  const FloatFormat f = FormatOf(type);
  static std::map<int, std::vector<std::pair<double, uint32_t>>> tables;
  auto& table = tables[type];
  if (table.empty()) {
    for (uint32_t code = 0; code < 1u << (f.bits - 1); ++code)
      if (const double v = DecodeSmall(f, code); std::isfinite(v)) table.emplace_back(v, code);
    std::sort(table.begin(), table.end());
  }
  const double magnitude = std::abs(value);
  auto above = std::lower_bound(table.begin(), table.end(), std::pair(magnitude, 0u));
  if (above == table.end()) --above;  // tests stay within the range
  if (above != table.begin()) {
    const auto below = above - 1;
    const double down = magnitude - below->first, up = above->first - magnitude;
    if (down < up || (down == up && below->second % 2 == 0)) above = below;
  }
  return above->second | (value < 0 && above->second != 0 ? 1u << (f.bits - 1) : 0);
}

template <typename T>
double As(const char* element) {
  T value;
  std::memcpy(&value, element, sizeof(T));
  return static_cast<double>(value);
}
template <typename T>
void Put(T value, char* element) {
  std::memcpy(element, &value, sizeof(T));
}

}  // namespace

int TypeBytes(plan::DataType type) {
  switch (type) {
    case plan::I64:
    case plan::U64:
    case plan::F64:
      return 8;
    case plan::I32:
    case plan::U32:
    case plan::F32:
      return 4;
    case plan::I16:
    case plan::U16:
    case plan::F16:
    case plan::BF16:
      return 2;
    default:
      return 1;
  }
}

double Decode(plan::DataType type, const char* element) {
  switch (type) {
    case plan::I8:
      return As<int8_t>(element);
    case plan::U8:
      return As<uint8_t>(element);
    case plan::I16:
      return As<int16_t>(element);
    case plan::U16:
      return As<uint16_t>(element);
    case plan::I32:
      return As<int32_t>(element);
    case plan::U32:
      return As<uint32_t>(element);
    case plan::I64:
      return As<int64_t>(element);
    case plan::U64:
      return As<uint64_t>(element);
    case plan::F32:
      return As<float>(element);
    case plan::F64:
      return As<double>(element);
    default: {
      uint16_t code = 0;
      std::memcpy(&code, element, TypeBytes(type));
      return DecodeSmall(FormatOf(type), code);
    }
  }
}

void Encode(plan::DataType type, double value, char* element) {
  switch (type) {
    case plan::I64:
      return Put(static_cast<int64_t>(value), element);
    case plan::U64:
      return Put(static_cast<uint64_t>(static_cast<int64_t>(value)), element);
    case plan::F32:
      return Put(static_cast<float>(value), element);
    case plan::F64:
      return Put(value, element);
    case plan::I8:
    case plan::U8:
    case plan::I16:
    case plan::U16:
    case plan::I32:
    case plan::U32: {
      const int64_t whole = static_cast<int64_t>(value);
      std::memcpy(element, &whole, TypeBytes(type));
      return;
    }
    default: {
      const uint32_t code = EncodeSmall(type, value);
      std::memcpy(element, &code, TypeBytes(type));
    }
  }
}

double Epsilon(plan::DataType type) {
  switch (type) {
    case plan::F64:
      return 0x1p-53;
    case plan::F32:
      return 0x1p-24;
    case plan::F16:
      return 0x1p-11;
    case plan::BF16:
      return 0x1p-8;
    case plan::F8E4M3FN:
    case plan::F8E4M3FNUZ:
      return 0x1p-4;
    case plan::F8E5M2:
    case plan::F8E5M2FNUZ:
      return 0x1p-3;
    default:
      return 0;
  }
}

Operand RandomOperand(plan::DataType type, int64_t count, std::mt19937& random) {
  Operand operand{type, std::string(count * TypeBytes(type), '\0')};
  const bool floating = type >= plan::F16;
  double low = -100, high = 100;
  if (floating) low = -1, high = 1;
  if (type == plan::I8) low = -128, high = 127;
  if (type == plan::U8) low = 0, high = 255;
  if (type == plan::U16 || type == plan::U32 || type == plan::U64) low = 0;
  std::uniform_real_distribution<double> real(low, high);
  for (int64_t i = 0; i < count; ++i) operand.set(i, floating ? real(random) : std::nearbyint(real(random)));
  return operand;
}

Operand RandomOperand(const plan::MemoryDesc& desc, std::mt19937& random) {
  int64_t count = 1;
  const Dims strides = StridesOf(desc);
  for (int i = 0; i < desc.dims_size(); ++i) {
    if (desc.dims(i) == 0) count = 0;
    if (count > 0) count += (desc.dims(i) - 1) * strides[i];
  }
  return RandomOperand(desc.dtype(), count, random);
}

void SetDesc(plan::MemoryDesc* desc, plan::DataType type, const Dims& dims, const Dims& strides) {
  desc->Clear();
  desc->set_dtype(type);
  for (int64_t dim : dims) desc->add_dims(dim);
  for (int64_t stride : strides) desc->add_strides(stride);
}
Dims DimsOf(const plan::MemoryDesc& desc) { return {desc.dims().begin(), desc.dims().end()}; }
Dims StridesOf(const plan::MemoryDesc& desc) {
  if (!desc.strides().empty()) return {desc.strides().begin(), desc.strides().end()};
  std::vector<int> order(desc.dims_size());
  for (int i = 0; i < desc.dims_size(); ++i) order[i] = i;
  return StridesBy(DimsOf(desc), order);
}
int64_t Count(const Dims& dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}
Dims StridesBy(const Dims& dims, const std::vector<int>& order, int64_t padding) {
  Dims strides(dims.size(), 0);
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride *= dims[order[i]];
    if (i + 1 == order.size()) stride += padding;
  }
  return strides;
}
Dims ImageStrides(const Dims& dims, bool channels_last) {
  std::vector<int> order(dims.size());
  std::iota(order.begin(), order.end(), 0);
  if (channels_last) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return StridesBy(dims, order);
}
int64_t Place(const Dims& strides, const Dims& at) {
  int64_t place = 0;
  for (size_t i = 0; i < at.size(); ++i) place += at[i] * strides[i];
  return place;
}
bool Next(Dims& at, const Dims& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++at[i] < dims[i]) return true;
    at[i] = 0;
  }
  return false;
}

LibraryKernelRun::LibraryKernelRun(const plan::LibraryOp& op, const std::string& arch) {
  CudaTarget target = *ResolveCuda(arch);
  target.tf32 = op.tf32();
  CudaKernelCompiler compiler(target, FindCudaToolkit());
  auto kernel = compiler.AddLibrary(op);
  status_ = kernel.status();
  if (!status_.ok()) return;
  kernel_ = *kernel;
  auto code = compiler.Finish(/*keep_bitcode=*/true);
  status_ = code.status();
  if (!status_.ok()) return;
  code_ = *std::move(code);
  if (kernel_.blocks == 0) return;
  auto device = EmulatedCuda::Load(code_.bitcode);
  status_ = device.status();
  if (status_.ok()) device_ = *std::move(device);
}

absl::Status LibraryKernelRun::Launch(EmulatedCuda& device, const std::vector<Operand*>& operands,
                                      const std::vector<size_t>& written, uint64_t seed,
                                      std::vector<std::string>* results) const {
  std::vector<GuardedBuffer> buffers;
  std::vector<void*> arguments;
  for (const Operand* operand : operands) arguments.push_back(buffers.emplace_back(operand->bytes).data());
  absl::Status status = device.Launch(kernel_.symbol, kernel_.blocks, kernel_.threads, arguments, seed);
  if (!status.ok()) return status;
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (std::string damage = buffers[i].Damage(); !damage.empty()) return absl::InternalError(damage);
    if (std::find(written.begin(), written.end(), i) != written.end())
      results->push_back(buffers[i].contents());
    else if (buffers[i].contents() != operands[i]->bytes)
      return absl::InternalError("an operand was written");
  }
  return absl::OkStatus();
}

absl::Status LibraryKernelRun::Run(std::vector<Operand*> operands, const std::vector<size_t>& written) {
  if (!status_.ok() || kernel_.blocks == 0) return status_;
  std::vector<std::string> results, again;
  if (absl::Status status = Launch(*device_, operands, written, 1, &results); !status.ok()) return status;
  if (absl::Status status = Launch(*device_, operands, written, 2, &again); !status.ok()) return status;
  if (results != again) return absl::InternalError("another order of the threads gives another result");
  for (size_t i = 0; i < written.size(); ++i) operands[written[i]]->bytes = results[i];
  return absl::OkStatus();
}

bool LibraryKernelRun::NoticesMissingBarrier(const std::vector<Operand*>& operands, const std::vector<size_t>& written,
                                             int barrier, bool* there) {
  auto without = EmulatedCuda::LoadWithoutBarrier(code_.bitcode, barrier);
  *there = without.ok();
  if (!without.ok()) return false;
  std::vector<std::string> want;
  if (!Launch(*device_, operands, written, 1, &want).ok()) return false;
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    std::vector<std::string> got;
    if (!Launch(**without, operands, written, seed, &got).ok() || got != want) return true;
  }
  return false;
}

double ReferencePostOps(const google::protobuf::RepeatedPtrField<plan::PostOp>& list, double value, double before,
                        const std::function<double(int)>& operand) {
  int next = 0;
  for (const plan::PostOp& op : list) {
    const double x = value, alpha = op.alpha(), beta = op.beta();
    const std::string& f = op.function();
    if (op.kind() == plan::PostOp::SUM) {
      value = x + before;
    } else if (op.kind() == plan::PostOp::BINARY) {
      const double y = operand(next++);
      value = f == "add"   ? x + y
              : f == "mul" ? x * y
              : f == "sub" ? x - y
              : f == "div" ? x / y
              : f == "max" ? std::max(x, y)
                           : std::min(x, y);
    } else {
      const std::map<std::string, std::function<double()>> functions = {
          {"relu", [&] { return std::max(x, 0.0); }},
          {"leaky_relu", [&] { return x > 0 ? x : alpha * x; }},
          {"clip", [&] { return std::min(std::max(x, alpha), beta); }},
          {"sigmoid", [&] { return 1 / (1 + std::exp(-x)); }},
          {"tanh", [&] { return std::tanh(x); }},
          {"gelu_erf", [&] { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }},
          {"gelu_tanh", [&] { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
          {"silu", [&] { return x / (1 + std::exp(-x)); }},
          {"hard_swish", [&] { return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0); }},
          {"hard_sigmoid", [&] { return std::min(std::max(alpha * x + beta, 0.0), 1.0); }},
          {"elu", [&] { return x > 0 ? x : alpha * (std::exp(x) - 1); }},
          {"softplus", [&] { return std::log(1 + std::exp(x)); }},
          {"mish", [&] { return x * std::tanh(std::log(1 + std::exp(x))); }},
          {"exp", [&] { return std::exp(x); }},
          {"abs", [&] { return std::abs(x); }},
          {"sqrt", [&] { return std::sqrt(x); }},
          {"square", [&] { return x * x; }},
          {"linear", [&] { return alpha * x + beta; }}};
      value = functions.at(f)();
    }
  }
  return value;
}

}  // namespace plimsoll::codegen

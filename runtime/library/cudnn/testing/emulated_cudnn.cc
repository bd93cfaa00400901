#include "runtime/library/cudnn/testing/emulated_cudnn.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "runtime/library/cudnn/testing/emulated_convolution.h"
#include "runtime/library/cudnn/testing/emulation_state.h"

namespace plimsoll::runtime::cudnn {

// The older interface's own structure, opaque to its users.
struct ActivationStruct {
  int mode = -1;
};

namespace {

EmulatedCudnn* state = nullptr;
using emulated::Fail;
using emulated::Live;

template <typename T>
int Make(T** out) {
  if (out == nullptr) return Fail("nowhere to put a new object");
  *out = Live().Make<T>();
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

int64_t Bytes(int type) { return type == kFloat ? 4 : 2; }
bool IsType(int type) { return type == kFloat || type == kHalf || type == kBfloat16; }

int64_t Count(const std::vector<int>& dims) {
  int64_t count = 1;
  for (int dim : dims) count *= dim;
  return count;
}
int64_t Span(const TensorStruct& tensor) {
  int64_t last = 0;
  for (size_t i = 0; i < tensor.dims.size(); ++i) last += static_cast<int64_t>(tensor.dims[i] - 1) * tensor.strides[i];
  return last + 1;
}

size_t GetVersion() { return 91900; }
const char* GetErrorString(int status) { return status == kSuccess ? "success" : state->last_error.c_str(); }
int Create(Handle* handle) { return Make(handle); }
int Destroy(Handle handle) { return Drop(handle); }
int SetStream(Handle handle, void* stream) {
  if (!Lives(handle)) return Fail("no handle");
  handle->stream = stream;
  return kSuccess;
}

int CreateTensorDescriptor(TensorDescriptor* tensor) { return Make(tensor); }
int DestroyTensorDescriptor(TensorDescriptor tensor) { return Drop(tensor); }
int SetTensorNdDescriptor(TensorDescriptor tensor, int type, int rank, const int* dims, const int* strides) {
  if (!Lives(tensor) || !IsType(type) || rank < 4 || rank > 5 || dims == nullptr || strides == nullptr) {
    return Fail("a tensor of an unknown type, or of no 4 or 5 dims");
  }
  for (int i = 0; i < rank; ++i) {
    if (dims[i] < 1 || strides[i] < 1) return Fail("a dim or stride below 1");
  }
  *tensor = {type, {dims, dims + rank}, {strides, strides + rank}};
  return kSuccess;
}

int CreateFilterDescriptor(FilterDescriptor* filter) { return Make(filter); }
int DestroyFilterDescriptor(FilterDescriptor filter) { return Drop(filter); }
int SetFilterNdDescriptor(FilterDescriptor filter, int type, int format, int rank, const int* dims) {
  if (!Lives(filter) || !IsType(type) || (format != kChannelsFirst && format != kChannelsLast) || rank < 4 ||
      rank > 5 || dims == nullptr) {
    return Fail("a filter of an unknown type or format");
  }
  for (int i = 0; i < rank; ++i) {
    if (dims[i] < 1) return Fail("a dim below 1");
  }
  *filter = {type, format, {dims, dims + rank}};
  return kSuccess;
}

int CreateConvolutionDescriptor(ConvolutionDescriptor* convolution) { return Make(convolution); }
int DestroyConvolutionDescriptor(ConvolutionDescriptor convolution) { return Drop(convolution); }
int SetConvolutionNdDescriptor(ConvolutionDescriptor convolution, int spatial, const int* pads, const int* strides,
                               const int* dilations, int mode, int compute_type) {
  if (!Lives(convolution) || spatial < 2 || spatial > 3 || pads == nullptr || strides == nullptr ||
      dilations == nullptr) {
    return Fail("a convolution of no 2 or 3 spatial dims");
  }
  for (int i = 0; i < spatial; ++i) {
    if (pads[i] < 0 || strides[i] < 1 || dilations[i] < 1)
      return Fail("a pad below 0, or a stride or dilation below 1");
  }
  if (mode != kCrossCorrelation || compute_type != kFloat) return Fail("no cross-correlation in f32", kNotSupported);
  convolution->pads.assign(pads, pads + spatial);
  convolution->strides.assign(strides, strides + spatial);
  convolution->dilations.assign(dilations, dilations + spatial);
  convolution->compute_type = compute_type;
  return kSuccess;
}
int SetConvolutionMathType(ConvolutionDescriptor convolution, int math_type) {
  if (!Lives(convolution)) return Fail("no convolution");
  if (math_type != kDefaultMath && math_type != kTensorOpMath && math_type != kFmaMath)
    return Fail("an unknown math type");
  convolution->math_type = math_type;
  return kSuccess;
}
int SetConvolutionGroupCount(ConvolutionDescriptor convolution, int groups) {
  if (!Lives(convolution) || groups < 1) return Fail("no convolution, or groups below 1");
  convolution->groups = groups;
  return kSuccess;
}

int CreateActivationDescriptor(ActivationDescriptor* activation) { return Make(activation); }
int DestroyActivationDescriptor(ActivationDescriptor activation) { return Drop(activation); }
int SetActivationDescriptor(ActivationDescriptor activation, int mode, int, double) {
  if (!Lives(activation)) return Fail("no activation");
  activation->mode = mode;
  return kSuccess;
}

// y = x * w.
struct Problem {
  const TensorStruct* x;
  const FilterStruct* w;
  const ConvolutionStruct* convolution;
  const TensorStruct* y;

  int Check() const {
    for (const void* object : {static_cast<const void*>(x), static_cast<const void*>(w),
                               static_cast<const void*>(convolution), static_cast<const void*>(y)}) {
      if (!Lives(object)) return Fail("a descriptor that does not live");
    }
    if (x->type < 0 || y->type < 0 || w->type < 0 || convolution->compute_type < 0)
      return Fail("a descriptor that was not set");
    const size_t rank = x->dims.size();
    if (y->dims.size() != rank || w->dims.size() != rank || convolution->pads.size() != rank - 2)
      return Fail("ranks that differ");
    if (x->type != w->type || x->type != y->type) return Fail("types that differ", kNotSupported);
    const int groups = convolution->groups;
    if (x->dims[0] != y->dims[0] || x->dims[1] != w->dims[1] * groups || y->dims[1] != w->dims[0] ||
        w->dims[0] % groups != 0) {
      return Fail("channels or batches that do not fit");
    }
    for (size_t i = 2; i < rank; ++i) {
      const int range = (w->dims[i] - 1) * convolution->dilations[i - 2] + 1;
      if (y->dims[i] != (x->dims[i] + 2 * convolution->pads[i - 2] - range) / convolution->strides[i - 2] + 1) {
        return Fail("a spatial dim that does not fit");
      }
    }
    const bool x_last = IsDense(*x, true), y_last = IsDense(*y, true), x_first = IsDense(*x, false),
               y_first = IsDense(*y, false);
    const bool is_last = x_last && y_last && w->format == kChannelsLast && rank == 4;
    if (!is_last && !(x_first && y_first && w->format == kChannelsFirst))
      return Fail("layouts that differ", kNotSupported);
    return kSuccess;
  }

  static bool IsDense(const TensorStruct& tensor, bool channels_last) {
    std::vector<size_t> order = {0};
    if (!channels_last) order.push_back(1);
    for (size_t i = 2; i < tensor.dims.size(); ++i) order.push_back(i);
    if (channels_last) order.push_back(1);
    int stride = 1;
    for (size_t i = order.size(); i-- > 0; stride *= tensor.dims[order[i]]) {
      if (tensor.dims[order[i]] != 1 && tensor.strides[order[i]] != stride) return false;
    }
    return true;
  }

  // Of each algorithm, by its number: bytes of workspace, or none where it does not do this.
  std::vector<int64_t> Memory(bool backward) const {
    const int64_t all = (Count(x->dims) + Count(y->dims) + Count(w->dims)) * Bytes(x->type);
    const bool tensor_cores = x->type != kFloat && convolution->math_type != kFmaMath;
    const bool copies = tensor_cores && w->format == kChannelsFirst;
    if (backward) return {0, copies ? all : 256, -1, -1, -1, -1};
    bool is_winograd = convolution->groups == 1 && x->type == kFloat && x->dims.size() == 4;
    for (size_t i = 0; i < convolution->strides.size(); ++i) {
      is_winograd &= convolution->strides[i] == 1 && convolution->dilations[i] == 1 && w->dims[i + 2] == 3;
    }
    return {0, copies ? all : 512, -1, -1, int64_t{1} << 40, -1, -1, is_winograd ? 4 * all : -1};
  }
};

int Rank(const Problem& problem, bool backward, int requested, int* returned, Performance* results) {
  if (int status = problem.Check(); status != kSuccess) return status;
  if (requested < 1 || returned == nullptr || results == nullptr) return Fail("no room for results");
  *returned = 0;
  if (!state->offers_algorithms) return Fail("no algorithm", kNotSupported);
  const std::vector<int64_t> memory = problem.Memory(backward);
  // Supported ones first, in the order that the library would like them here: those of much memory before.
  std::vector<int> order = backward ? std::vector<int>{0, 1, 2, 3, 4, 5} : std::vector<int>{4, 7, 1, 0, 2, 3, 5, 6};
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return (memory[a] >= 0) > (memory[b] >= 0); });
  for (int number : order) {
    if (*returned == requested) break;
    Performance& result = results[(*returned)++];
    result = {};
    result.algorithm = number;
    result.status = memory[number] >= 0 ? kSuccess : kNotSupported;
    result.memory = static_cast<size_t>(std::max<int64_t>(memory[number], 0));
    result.determinism = backward && number == 0 ? kNonDeterministic : kDeterministic;
    result.math_type = number == 0 ? kFmaMath : problem.convolution->math_type;
    result.time = -1;
  }
  return kSuccess;
}

int Size(const Problem& problem, bool backward, int algorithm, size_t* bytes) {
  if (int status = problem.Check(); status != kSuccess) return status;
  const std::vector<int64_t> memory = problem.Memory(backward);
  if (bytes == nullptr || algorithm < 0 || algorithm >= static_cast<int>(memory.size()))
    return Fail("an unknown algorithm");
  if (memory[algorithm] < 0) return Fail("an algorithm that does not do this", kNotSupported);
  *bytes = static_cast<size_t>(memory[algorithm]);
  return kSuccess;
}

int GetForwardAlgorithm(Handle handle, TensorDescriptor x, FilterDescriptor w, ConvolutionDescriptor convolution,
                        TensorDescriptor y, int requested, int* returned, Performance* results) {
  if (!Lives(handle)) return Fail("no handle");
  return Rank({x, w, convolution, y}, false, requested, returned, results);
}
int GetForwardWorkspaceSize(Handle handle, TensorDescriptor x, FilterDescriptor w, ConvolutionDescriptor convolution,
                            TensorDescriptor y, int algorithm, size_t* bytes) {
  if (!Lives(handle)) return Fail("no handle");
  return Size({x, w, convolution, y}, false, algorithm, bytes);
}
int GetBackwardDataAlgorithm(Handle handle, FilterDescriptor w, TensorDescriptor dy, ConvolutionDescriptor convolution,
                             TensorDescriptor dx, int requested, int* returned, Performance* results) {
  if (!Lives(handle)) return Fail("no handle");
  return Rank({dx, w, convolution, dy}, true, requested, returned, results);
}
int GetBackwardDataWorkspaceSize(Handle handle, FilterDescriptor w, TensorDescriptor dy,
                                 ConvolutionDescriptor convolution, TensorDescriptor dx, int algorithm, size_t* bytes) {
  if (!Lives(handle)) return Fail("no handle");
  return Size({dx, w, convolution, dy}, true, algorithm, bytes);
}

int Enqueue(Handle handle, const char* name, std::function<void()> work) {
  if (state->host.enqueue(handle->stream, name, std::move(work)).ok()) return kSuccess;
  return Fail("the stream does not take work", kExecutionFailed);
}

// Null where it is no memory, or at no multiple of 16.
void* Host(const void* device, int64_t elements, int type) {
  if (device == nullptr || reinterpret_cast<uintptr_t>(device) % 16 != 0) return nullptr;
  return state->host.address(device, elements * Bytes(type));
}

// What Forward, BiasActivationForward and BackwardData check alike.
int Begin(Handle handle, const Problem& problem, bool backward, const void* alpha, const void* beta, const void* x,
          const void* w, const void* y, int algorithm, void* workspace, size_t workspace_bytes, Work& work) {
  if (!Lives(handle)) return Fail("no handle");
  if (int status = problem.Check(); status != kSuccess) return status;
  if (alpha == nullptr || beta == nullptr) return Fail("no alpha or beta");
  if (*static_cast<const float*>(alpha) != 1) return Fail("an alpha that is not 1", kNotSupported);
  size_t needed = 0;
  if (int status = Size(problem, backward, algorithm, &needed); status != kSuccess) return status;
  if (needed > workspace_bytes || (needed > 0 && workspace == nullptr)) return Fail("a workspace that is too small");
  work.x = *problem.x, work.y = *problem.y, work.w = *problem.w, work.convolution = *problem.convolution;
  work.x_data = Host(x, Span(work.x), work.x.type);
  work.y_data = Host(y, Span(work.y), work.y.type);
  work.w_data = Host(w, Count(work.w.dims), work.w.type);
  if (needed > 0) work.workspace = state->host.address(workspace, static_cast<int64_t>(needed));
  if (work.x_data == nullptr || work.y_data == nullptr || work.w_data == nullptr ||
      (needed > 0 && work.workspace == nullptr)) {
    return Fail("an address that is null, misaligned or no memory", kExecutionFailed);
  }
  work.workspace_bytes = static_cast<int64_t>(needed);
  work.beta = *static_cast<const float*>(beta);
  ++state->convolutions;
  state->last_algorithm = algorithm;
  return kSuccess;
}

int Forward(Handle handle, const void* alpha, TensorDescriptor x_desc, const void* x, FilterDescriptor w_desc,
            const void* w, ConvolutionDescriptor convolution, int algorithm, void* workspace, size_t bytes,
            const void* beta, TensorDescriptor y_desc, void* y) {
  Work work;
  if (int status = Begin(handle, {x_desc, w_desc, convolution, y_desc}, false, alpha, beta, x, w, y, algorithm,
                         workspace, bytes, work);
      status != kSuccess) {
    return status;
  }
  work.z = work.y, work.z_data = work.y_data;
  return Enqueue(handle, "cudnnConvolutionForward", [work] { work.Forward(); });
}

bool IsBias(const TensorStruct* bias, int channels, size_t rank, int type) {
  if (!Lives(bias) || bias->type != type || bias->dims.size() != rank || bias->dims[1] != channels) return false;
  return Count(bias->dims) == channels && (channels == 1 || bias->strides[1] == 1);
}

int BiasActivationForward(Handle handle, const void* alpha1, TensorDescriptor x_desc, const void* x,
                          FilterDescriptor w_desc, const void* w, ConvolutionDescriptor convolution, int algorithm,
                          void* workspace, size_t bytes, const void* alpha2, TensorDescriptor z_desc, const void* z,
                          TensorDescriptor bias_desc, const void* bias, ActivationDescriptor activation,
                          TensorDescriptor y_desc, void* y) {
  Work work;
  if (!Lives(activation)) return Fail("no activation");
  if (activation->mode != kRelu && activation->mode != kIdentity)
    return Fail("an activation that is not fused", kNotSupported);
  if (activation->mode == kIdentity && algorithm != kImplicitPrecompGemm)
    return Fail("identity with another algorithm", kNotSupported);
  if (int status = Begin(handle, {x_desc, w_desc, convolution, y_desc}, false, alpha1, alpha2, x, w, y, algorithm,
                         workspace, bytes, work);
      status != kSuccess) {
    return status;
  }
  if (!Lives(z_desc) || z_desc->type != y_desc->type || z_desc->dims != y_desc->dims ||
      z_desc->strides != y_desc->strides) {
    return Fail("z is not described as y is");
  }
  if (!IsBias(bias_desc, y_desc->dims[1], y_desc->dims.size(), y_desc->type)) return Fail("a bias that does not fit");
  work.z = *z_desc;
  work.z_data = Host(z, Span(*z_desc), z_desc->type);
  work.bias = Host(bias, y_desc->dims[1], y_desc->type);
  if (work.z_data == nullptr || work.bias == nullptr) return Fail("an address that is no memory", kExecutionFailed);
  work.has_relu = activation->mode == kRelu;
  return Enqueue(handle, "cudnnConvolutionBiasActivationForward", [work] { work.Forward(); });
}

int BackwardData(Handle handle, const void* alpha, FilterDescriptor w_desc, const void* w, TensorDescriptor dy_desc,
                 const void* dy, ConvolutionDescriptor convolution, int algorithm, void* workspace, size_t bytes,
                 const void* beta, TensorDescriptor dx_desc, void* dx) {
  Work work;
  if (int status = Begin(handle, {dx_desc, w_desc, convolution, dy_desc}, true, alpha, beta, dx, w, dy, algorithm,
                         workspace, bytes, work);
      status != kSuccess) {
    return status;
  }
  work.z = work.x, work.z_data = work.x_data;
  return Enqueue(handle, "cudnnConvolutionBackwardData", [work] { work.BackwardData(); });
}

int AddTensor(Handle handle, const void* alpha, TensorDescriptor a_desc, const void* a, const void* beta,
              TensorDescriptor c_desc, void* c) {
  if (!Lives(handle) || !Lives(c_desc) || alpha == nullptr || beta == nullptr) return Fail("a null argument");
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 1)
    return Fail("factors", kNotSupported);
  if (!IsBias(a_desc, c_desc->dims[1], c_desc->dims.size(), c_desc->type)) return Fail("a bias that does not fit");
  Work work;
  work.x = *c_desc;
  work.x_data = Host(c, Span(*c_desc), c_desc->type);
  work.bias = Host(a, c_desc->dims[1], c_desc->type);
  if (work.x_data == nullptr || work.bias == nullptr) return Fail("an address that is no memory", kExecutionFailed);
  return Enqueue(handle, "cudnnAddTensor", [work] { work.AddBias(); });
}

}  // namespace

namespace emulated {

EmulatedCudnn& State() { return *state; }

nvidia::LiveObjects& Live() {
  static auto& live = *new nvidia::LiveObjects;
  return live;
}
nvidia::LiveObjects& LiveDescriptors() {
  static auto& live = *new nvidia::LiveObjects;
  return live;
}

int Fail(std::string why, int status) {
  state->last_error = std::move(why);
  return status;
}
int Report(const Outcome& outcome) { return outcome.ok() ? int{kSuccess} : Fail(outcome.why, outcome.status); }

}  // namespace emulated

const Api* Emulate(EmulatedCudnn* configuration) {
  static const Api api = [] {
    Api table = {};
    table.GetVersion = GetVersion;
    table.GetErrorString = GetErrorString;
    table.Create = Create;
    table.Destroy = Destroy;
    table.SetStream = SetStream;
    table.CreateTensorDescriptor = CreateTensorDescriptor;
    table.SetTensorNdDescriptor = SetTensorNdDescriptor;
    table.DestroyTensorDescriptor = DestroyTensorDescriptor;
    table.CreateFilterDescriptor = CreateFilterDescriptor;
    table.SetFilterNdDescriptor = SetFilterNdDescriptor;
    table.DestroyFilterDescriptor = DestroyFilterDescriptor;
    table.CreateConvolutionDescriptor = CreateConvolutionDescriptor;
    table.SetConvolutionNdDescriptor = SetConvolutionNdDescriptor;
    table.SetConvolutionMathType = SetConvolutionMathType;
    table.SetConvolutionGroupCount = SetConvolutionGroupCount;
    table.DestroyConvolutionDescriptor = DestroyConvolutionDescriptor;
    table.CreateActivationDescriptor = CreateActivationDescriptor;
    table.SetActivationDescriptor = SetActivationDescriptor;
    table.DestroyActivationDescriptor = DestroyActivationDescriptor;
    table.GetForwardAlgorithm = GetForwardAlgorithm;
    table.GetForwardWorkspaceSize = GetForwardWorkspaceSize;
    table.Forward = Forward;
    table.BiasActivationForward = BiasActivationForward;
    table.GetBackwardDataAlgorithm = GetBackwardDataAlgorithm;
    table.GetBackwardDataWorkspaceSize = GetBackwardDataWorkspaceSize;
    table.BackwardData = BackwardData;
    table.AddTensor = AddTensor;
    emulated::AddBackend(table);
    return table;
  }();
  state = configuration;
  return &api;
}

}  // namespace plimsoll::runtime::cudnn

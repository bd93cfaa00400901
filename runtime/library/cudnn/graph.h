// A graph of operations as cuDNN's graph interface takes it: tensors by ids, operations between them.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "ir/plan/types.pb.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/backend.h"
#include "runtime/library/cudnn/descriptor.h"

namespace plimsoll::runtime::cudnn {

DataType TypeOf(plan::DataType type);

// What a graph is made for. Either a device that is there, by the library's handle on it, or one that its properties
// stand for (a finalized kDeviceProperties, cuDNN 9.8 on): engines and plans can then be asked for, not run.
struct Device {
  Handle handle = nullptr;
  const Descriptor* properties = nullptr;
};

// Spatial, in the tensors' order.
struct ConvolutionGeometry {
  std::vector<int64_t> pads_begin, pads_end, strides, dilations;
};

// Built operation by operation, then finalized. All arithmetic is in f32. The first error is kept and returned by
// Finalize.
class Graph {
 public:
  // A tensor of this graph.
  struct Tensor {
    int64_t id = 0;
  };
  // In elements.
  struct Shape {
    std::vector<int64_t> dims, strides;
  };

  // `api` outlives the object.
  explicit Graph(const Api& api) : api_(&api) {}

  // A tensor in device memory, at a multiple of 16 bytes: operand `operand` of the plan's operation, of which there may
  // be several tensors.
  Tensor Operand(int operand, DataType type, const Shape& shape);
  // One f32 that the host gives.
  Tensor Scalar(float value, int rank);
  // Between two operations, never in memory.
  Tensor Virtual(DataType type, const Shape& shape);

  // y[n, k, p] = sum over c, r of x[n, c, p * stride - pad + r * dilation] w[k, c, r], by groups where w has fewer
  // channels than x, added to what y holds where `adds`; and its gradient by x.
  void ConvolutionForward(const ConvolutionGeometry& geometry, Tensor x, Tensor w, Tensor y, bool adds);
  void ConvolutionBackwardData(const ConvolutionGeometry& geometry, Tensor w, Tensor dy, Tensor dx);
  // c = a b over the last two dims; dims of size 1 before them are broadcast.
  void Matmul(Tensor a, Tensor b, Tensor c);
  // y = f(x), and y = f(x, b) with dims of size 1 broadcast.
  void Pointwise(backend::PointwiseMode mode, Tensor x, Tensor y);
  void Pointwise(backend::PointwiseMode mode, Tensor x, Tensor b, Tensor y);
  // Over the dims that y has 1 of.
  void Reduce(backend::ReductionOperator reduction, Tensor x, Tensor y);
  // The same elements by other dims and strides.
  void Reshape(Tensor x, Tensor y);

  // kUnimplemented where the library knows no such graph.
  absl::Status Finalize(const Device& device);

  const Api& api() const { return *api_; }
  // The finalized graph.
  const Descriptor& descriptor() const { return operations_.back(); }
  // What a variant pack gives by tensors' ids: operands, and values of scalars.
  const std::vector<std::pair<Tensor, int>>& operands() const { return operands_; }
  const std::vector<std::pair<Tensor, float>>& scalars() const { return scalars_; }

 private:
  Tensor Add(DataType type, const Shape& shape, bool is_virtual, bool is_by_value);
  const Descriptor& Of(Tensor tensor) const { return tensors_[tensor.id - 1]; }
  Descriptor& NewOperation(backend::DescriptorType type) { return operations_.emplace_back(*api_, type); }
  Descriptor MakeConvolution(const ConvolutionGeometry& geometry);
  void Keep(absl::Status status) { status_.Update(std::move(status)); }

  const Api* api_;
  absl::Status status_;
  std::deque<Descriptor> tensors_;     // ids count them from 1
  std::deque<Descriptor> operations_;  // the graph of them is the last
  std::vector<std::pair<Tensor, int>> operands_;
  std::vector<std::pair<Tensor, float>> scalars_;
};

}  // namespace plimsoll::runtime::cudnn

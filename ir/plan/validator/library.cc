// [P6] Library calls: the descriptions' sizes, and the operands against them, in the order that library.proto gives.
#include <algorithm>
#include <utility>

#include "ir/plan/types.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

constexpr int64_t kMost = int64_t{1} << 62;

struct Expected {
  std::string role;
  int64_t bytes = 0;
  bool written = false;
  bool former_contents = false;  // of a result: they are added to
  bool element_wise = false;     // an operand of a post-operation
};

// The operands that an operation expects, or what is wrong with its description.
class Description {
 public:
  explicit Description(const LibraryOp& op) { DescribeAll(op); }

  const std::vector<Expected>& operands() const { return operands_; }
  const std::string& error() const { return error_; }

 private:
  void DescribeAll(const LibraryOp& op) {
    if (op.library().empty()) return Fail("no library is named");
    if (op.workspace_bytes() < 0 || op.workspace_bytes() > kMost) {
      return Fail(absl::StrCat("a workspace of ", op.workspace_bytes(), " bytes"));
    }
    switch (op.op_case()) {
      case LibraryOp::kMatmul:
        Describe(op.matmul());
        break;
      case LibraryOp::kConvolution:
        Describe(op.convolution());
        break;
      case LibraryOp::kPool:
        Describe(op.pool());
        break;
      case LibraryOp::kRecurrent:
        Describe(op.recurrent());
        break;
      case LibraryOp::kPack:
        Describe(op.pack());
        break;
      case LibraryOp::kAttention:
        Describe(op.attention());
        break;
      case LibraryOp::kAttentionGradient:
        Describe(op.attention_gradient());
        break;
      case LibraryOp::OP_NOT_SET:
        return Fail("its operation is not one that this version knows");
    }
    if (op.workspace_bytes() > 0) Result("workspace", op.workspace_bytes());
  }

  void Fail(const std::string& error) {
    if (error_.empty()) error_ = error;
  }
  void Read(const std::string& role, int64_t bytes) { operands_.push_back({role, bytes}); }
  void Result(const std::string& role, int64_t bytes) { operands_.push_back({role, bytes, true}); }

  // Bytes that the tensor reaches over.
  int64_t Bytes(const std::string& role, const MemoryDesc& desc) {
    const int64_t element = ElementSize(desc.dtype());
    if (element == 0) Fail(absl::StrCat(role, " has no known element type"));
    if (desc.packed_bytes() < 0 || desc.packed_bytes() > kMost) {
      Fail(absl::StrCat(role, " has ", desc.packed_bytes(), " packed bytes"));
    }
    if (!desc.strides().empty() && desc.strides_size() != desc.dims_size()) {
      Fail(absl::StrCat(role, " has ", desc.strides_size(), " strides for ", desc.dims_size(), " dimensions"));
    }
    if (desc.dims_size() > 12) Fail(absl::StrCat(role, " has ", desc.dims_size(), " dimensions; at most 12 are known"));
    bool none = false;
    for (const int64_t dim : desc.dims()) {
      if (dim < 0) Fail(absl::StrCat(role, " has the dimension ", dim));
      none |= dim == 0;
    }
    for (const int64_t stride : desc.strides()) {
      if (stride < 0) Fail(absl::StrCat(role, " has the stride ", stride));
    }
    if (!error_.empty()) return 0;
    if (desc.packed_bytes() > 0) return desc.packed_bytes();
    if (none) return 0;
    __int128 reach = 1;  // elements
    for (int i = 0; i < desc.dims_size(); ++i) {
      reach = desc.strides().empty() ? reach * desc.dims(i) : reach + __int128{desc.dims(i) - 1} * desc.strides(i);
      if (reach > kMost / 8) {
        Fail(absl::StrCat(role, " has more than 2^59 elements"));
        return 0;
      }
    }
    return static_cast<int64_t>(reach) * element;
  }

  void PostOps(const google::protobuf::RepeatedPtrField<PostOp>& ops, bool& sum) {
    for (const PostOp& op : ops) {
      if (!PostOp::Kind_IsValid(op.kind())) Fail("a post-operation of unknown kind");
      if (op.kind() == PostOp::SUM) sum = true;
      if (op.kind() != PostOp::BINARY) continue;
      Read(absl::StrCat("the operand of post-operation '", Quote(op.function()), "'"),
           Bytes("a post-operation", op.operand()));
      operands_.back().element_wise = true;
    }
  }

  // From the end where negative; 1 where there is no such dim.
  static int64_t Dim(const MemoryDesc& desc, int at) {
    if (at < 0) at += desc.dims_size();
    return at >= 0 && at < desc.dims_size() ? desc.dims(at) : 1;
  }

  void Describe(const Matmul& op) {
    Read("a", Bytes("a", op.a()));
    Read("b", Bytes("b", op.b()));
    if (op.has_bias()) Read("bias", Bytes("bias", op.bias()));
    if (op.has_a_zero_point()) Read("a's zero point", op.a_zero_point_per_row() ? Dim(op.dst(), -2) : 1);
    if (op.has_b_zero_point()) Read("b's zero point", op.b_zero_point_per_column() ? Dim(op.dst(), -1) : 1);
    Destination(op.post_ops(), op.dst());
    if (op.a().dims_size() < 2 || op.b().dims_size() < 2 || op.dst().dims_size() < 2) {
      return Fail("a matmul of tensors with less than 2 dimensions");
    }
    const int64_t k = op.a().dims(op.a().dims_size() - 1), m = op.a().dims(op.a().dims_size() - 2);
    const int64_t n = op.b().dims(op.b().dims_size() - 1), k_of_b = op.b().dims(op.b().dims_size() - 2);
    const int64_t rows = op.dst().dims(op.dst().dims_size() - 2), columns = op.dst().dims(op.dst().dims_size() - 1);
    if (k != k_of_b || m != rows || n != columns) {
      Fail(absl::StrCat("a matmul of ", m, "x", k, " and ", k_of_b, "x", n, " to ", rows, "x", columns));
    }
  }

  void Describe(const Convolution& op) {
    Read("src", Bytes("src", op.src()));
    Read("weights", Bytes("weights", op.weights()));
    if (op.has_bias()) Read("bias", Bytes("bias", op.bias()));
    if (op.has_src_zero_point()) Read("src's zero point", 1);
    if (op.has_weights_zero_point()) Read("weights' zero point", op.weights_zero_point_per_channel() ? Dim(op.dst(), 1) : 1);
    Destination(op.post_ops(), op.dst());
    if (op.src().dims_size() < 3 || op.dst().dims_size() != op.src().dims_size()) {
      Fail("a convolution whose src and dst are not NC and one to three spatial dimensions");
    }
    Window(op.src().dims_size() - 2, op.strides(), op.dilations(), op.pads_begin(), op.pads_end());
    if (op.groups() < 0) Fail(absl::StrCat(op.groups(), " groups"));
  }

  void Describe(const Pool& op) {
    if (!Pool::Kind_IsValid(op.kind())) Fail("a pooling of unknown kind");
    Read("src", Bytes("src", op.src()));
    Result("dst", Bytes("dst", op.dst()));
    if (op.src().dims_size() < 3 || op.dst().dims_size() != op.src().dims_size()) {
      Fail("a pooling whose src and dst are not NC and one to three spatial dimensions");
    }
    Window(op.src().dims_size() - 2, op.strides(), op.dilations(), op.pads_begin(), op.pads_end());
    if (op.kernel_size() != op.src().dims_size() - 2) Fail("a pooling whose kernel has other dimensions than its src");
    for (const int64_t size : op.kernel()) {
      if (size < 1) Fail(absl::StrCat("a kernel of size ", size));
    }
  }

  using Sizes = google::protobuf::RepeatedField<int64_t>;
  void Window(int spatial, const Sizes& strides, const Sizes& dilations, const Sizes& begin, const Sizes& end) {
    for (const Sizes* sizes : {&strides, &dilations, &begin, &end}) {
      if (!sizes->empty() && sizes->size() != spatial) {
        Fail(absl::StrCat("strides, dilations or pads of ", sizes->size(), " dimensions, ", spatial, " expected"));
      }
      // Pads may be negative, where the library crops; the rest may not.
      const int64_t least = sizes == &strides || sizes == &dilations ? 0 : -(int64_t{1} << 31);
      for (const int64_t size : *sizes) {
        if (size < least || size > int64_t{1} << 31) Fail(absl::StrCat("a stride, dilation or pad of ", size));
      }
    }
  }

  void Describe(const Recurrent& op) {
    if (!Recurrent::Cell_IsValid(op.cell())) return Fail("a recurrent cell of unknown kind");
    constexpr int64_t kMostSize = int64_t{1} << 31;
    for (const int64_t size : {op.sequence(), op.batch(), op.input_size(), op.hidden_size()}) {
      if (size < 0 || size > kMostSize) return Fail(absl::StrCat("a recurrent size of ", size));
    }
    const bool lstm = op.cell() == Recurrent::LSTM;
    const bool vanilla = op.cell() == Recurrent::VANILLA_TANH || op.cell() == Recurrent::VANILLA_RELU;
    const int64_t gates = lstm ? 4 : vanilla ? 1 : 3, directions = op.direction() == "bidirectional" ? 2 : 1;
    const int64_t t = op.sequence(), n = op.batch(), i = op.input_size(), h = op.hidden_size();
    Read("X", Product({t, n, i, 4}));
    const bool quantized = op.quantized() != DATA_TYPE_UNDEFINED;
    if (quantized && op.quantized() != I8 && op.quantized() != U8) return Fail("recurrent weights quantized to other than 8 bits");
    const int64_t weight_bytes = quantized ? 1 : 4;
    Read("W", op.packed() ? 1 : Product({directions, gates, h, i, weight_bytes}));
    Read("R", op.packed() ? 1 : Product({directions, gates, h, h, weight_bytes}));
    if (op.has_bias()) Read("B", op.packed() ? 1 : Product({directions, 2, gates, h, 4}));
    if (op.has_initial_h()) Read("h0", Product({directions, n, h, 4}));
    if (op.has_initial_c()) Read("c0", Product({directions, n, h, 4}));
    if (quantized) Read("quantization", Product({4, directions, gates, h, 4}));
    Result("Y", Product({t, directions, n, h, 4}));
    Result("Yh", Product({directions, n, h, 4}));
    if (lstm) Result("Yc", Product({directions, n, h, 4}));
  }

  // What attention and its gradient have in common. keys_of_part: as in Attention.
  template <typename Op>
  void CheckAttention(const Op& op, int64_t keys_of_part = 0) {
    for (const MemoryDesc* desc : {&op.q(), &op.k(), &op.v(), op.has_mask() ? &op.mask() : &op.q(), &op.dst()}) {
      if (desc->dims_size() != 4) return Fail(absl::StrCat("attention over ", desc->dims_size(), " dimensions, 4 expected"));
    }
    const auto& q = op.q().dims();
    const auto& k = op.k().dims();
    const auto& v = op.v().dims();
    const auto& dst = op.dst().dims();
    if (keys_of_part < 0) return Fail(absl::StrCat("attention to parts of ", keys_of_part, " keys"));
    const int64_t parts = keys_of_part == 0 ? 1 : k[2] / keys_of_part + (k[2] % keys_of_part == 0 ? 0 : 1);
    const bool fits = k[0] == q[0] && v[0] == q[0] && dst[0] == Product({parts, q[0]}) && k[1] == v[1] && dst[1] == q[1] && k[1] > 0 &&
                      q[1] % k[1] == 0 && dst[2] == q[2] && k[2] == v[2] && k[3] == q[3] && dst[3] == v[3];
    if (!fits) return Fail("attention whose q, k, v and dst do not fit");
    const int64_t scores[] = {q[0], q[1], q[2], k[2]};
    for (int i = 0; i < 4 && op.has_mask(); ++i) {
      if (op.mask().dims(i) != 1 && op.mask().dims(i) != scores[i]) Fail("attention whose mask does not broadcast to the scores");
    }
    if (!op.has_stats()) return;
    const auto& stats = op.stats().dims();
    if (op.stats().dtype() != F32 || stats.size() != 4 || stats[0] != dst[0] || stats[1] != q[1] || stats[2] != q[2] || stats[3] != 1)
      Fail("attention whose stats are not one f32 a row of the scores");
  }

  template <typename Op>
  void ReadAttention(const Op& op) {
    Read("q", Bytes("q", op.q()));
    Read("k", Bytes("k", op.k()));
    Read("v", Bytes("v", op.v()));
    if (op.has_mask()) Read("mask", Bytes("mask", op.mask()));
  }

  void Describe(const Attention& op) {
    ReadAttention(op);
    Result("dst", Bytes("dst", op.dst()));
    if (op.has_stats()) Result("stats", Bytes("stats", op.stats()));
    CheckAttention(op, op.keys_of_part());
  }

  void Describe(const AttentionGradient& op) {
    if (!op.has_stats()) return Fail("attention's gradient without the stats");
    ReadAttention(op);
    Read("dst", Bytes("dst", op.dst()));
    Read("stats", Bytes("stats", op.stats()));
    Read("dst_gradient", Bytes("dst_gradient", op.dst_gradient()));
    Result("q_gradient", Bytes("q_gradient", op.q_gradient()));
    Result("k_gradient", Bytes("k_gradient", op.k_gradient()));
    Result("v_gradient", Bytes("v_gradient", op.v_gradient()));
    CheckAttention(op);
    const std::pair<const MemoryDesc*, const MemoryDesc*> gradients[] = {{&op.dst(), &op.dst_gradient()},
                                                                         {&op.q(), &op.q_gradient()},
                                                                         {&op.k(), &op.k_gradient()},
                                                                         {&op.v(), &op.v_gradient()}};
    for (const auto& [value, gradient] : gradients) {
      if (!std::equal(value->dims().begin(), value->dims().end(), gradient->dims().begin(), gradient->dims().end()))
        return Fail("attention's gradient by a tensor of other dims");
    }
  }

  int64_t Product(std::initializer_list<int64_t> sizes) {
    __int128 product = 1;
    for (const int64_t size : sizes) {
      product *= size;
      if (product > kMost) {
        Fail("a tensor of more than 2^62 bytes");
        return 0;
      }
    }
    return static_cast<int64_t>(product);
  }

  void Describe(const Pack& op) {
    if (op.target().has_pack()) return Fail("packs for a Pack operation");
    const Description target(op.target());
    if (!target.error().empty()) return Fail(absl::StrCat("packs for: ", target.error()));
    if (op.operand() < 0 || op.operand() >= static_cast<int>(target.operands().size())) {
      return Fail(absl::StrCat("packs operand ", op.operand(), " of ", target.operands().size()));
    }
    Read("source", Bytes("source", op.from()));
    Result("destination", target.operands()[op.operand()].bytes);
  }

  void Destination(const google::protobuf::RepeatedPtrField<PostOp>& ops, const MemoryDesc& dst) {
    bool sum = false;
    PostOps(ops, sum);
    Result("dst", Bytes("dst", dst));
    operands_.back().former_contents = sum;
  }

  std::vector<Expected> operands_;
  std::string error_;
};

}  // namespace

void CheckLibraryCall(const ProgramView& view, int index, Report& report) {
  const Command& command = view.program.commands(index);
  const Description description(command.library_call().op());
  if (!description.error().empty()) {
    report.Add(6, view.Command(index), ": ", description.error());
    return;
  }
  const std::vector<Expected>& expected = description.operands();
  if (command.operands_size() != static_cast<int>(expected.size())) {
    report.Add(6, view.Command(index), ": ", command.operands_size(), " operands; its description expects ",
               expected.size());
    return;
  }
  for (int i = 0; i < command.operands_size(); ++i) {
    const Operand& operand = command.operands(i);
    if (operand.length() < expected[i].bytes) {
      report.Add(6, view.Command(index), ": operand ", i, ", ", expected[i].role, ", has ", operand.length(),
                 " bytes; its description takes ", expected[i].bytes);
    }
    const bool right = !expected[i].written          ? operand.access() == Operand::READ
                       : expected[i].former_contents ? operand.access() == Operand::READ_WRITE
                                                     : operand.access() != Operand::READ;
    if (!right) {
      report.Add(6, view.Command(index), ": operand ", i, ", ", expected[i].role, ", is ",
                 Operand::Access_Name(operand.access()), "; it is ",
                 !expected[i].written          ? "READ"
                 : expected[i].former_contents ? "READ_WRITE: a post-operation adds to its former contents"
                                               : "WRITE");
    }
  }
}

std::vector<bool> MayShareWithResult(const LibraryOp& op) {
  const Description description(op);
  std::vector<bool> may;
  for (const Expected& expected : description.operands()) may.push_back(expected.element_wise);
  return may;
}

}  // namespace plimsoll::plan::validator

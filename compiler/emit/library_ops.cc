#include "compiler/emit/library_ops.h"

#include "absl/strings/str_cat.h"
#include "compiler/emit/types.h"

namespace plimsoll::compiler {
namespace {

using Dims = llvm::SmallVector<int64_t>;

Dims DimsOf(mlir::Value value) { return Dims(TensorOf(value).getShape()); }

// `dims` with leading dims of size 1 up to `rank`.
Dims Padded(Dims dims, size_t rank) {
  while (dims.size() < rank) dims.insert(dims.begin(), 1);
  return dims;
}

int64_t Product(llvm::ArrayRef<int64_t> dims) {
  int64_t product = 1;
  for (int64_t dim : dims) product *= dim;
  return product;
}

bool AllOnes(llvm::ArrayRef<int64_t> dims) {
  return llvm::all_of(dims, [](int64_t dim) { return dim == 1; });
}

absl::Status SetDesc(plan::MemoryDesc& desc, mlir::Value value, llvm::ArrayRef<int64_t> dims) {
  absl::StatusOr<plan::DataType> dtype = DataTypeOf(TensorOf(value).getElementType());
  if (!dtype.ok()) return dtype.status();
  desc.set_dtype(*dtype);
  for (int64_t dim : dims) desc.add_dims(dim);
  return absl::OkStatus();
}

// Strides of a dense tensor whose last two dims are exchanged in memory.
void ExchangeStrides(plan::MemoryDesc& desc) {
  const int rank = desc.dims_size();
  Dims strides(rank, 1);
  strides[rank - 2] = 1;
  strides[rank - 1] = desc.dims(rank - 2);
  int64_t stride = desc.dims(rank - 1) * desc.dims(rank - 2);
  for (int i = rank - 3; i >= 0; --i) {
    strides[i] = stride;
    stride *= desc.dims(i);
  }
  for (int64_t value : strides) desc.add_strides(value);
}

// Strides of dims [N, C, spatial...] for a dense tensor [N, spatial..., C].
void ChannelsLastStrides(plan::MemoryDesc& desc) {
  const int rank = desc.dims_size();
  Dims strides(rank, 1);
  int64_t stride = desc.dims(1);
  for (int i = rank - 1; i >= 2; --i) {
    strides[i] = stride;
    stride *= desc.dims(i);
  }
  strides[0] = stride;
  for (int64_t value : strides) desc.add_strides(value);
}

// [N, spatial..., C] as [N, C, spatial...].
Dims ChannelsFirst(Dims dims) {
  const int64_t channels = dims.pop_back_val();
  dims.insert(dims.begin() + 1, channels);
  return dims;
}

// How a contraction's post-operands are seen: their dims, given those in the graph.
using View = llvm::function_ref<absl::StatusOr<plan::MemoryDesc>(mlir::Value)>;

absl::Status AddPostOps(mlir::ArrayAttr list, mlir::OperandRange post_operands, int first, View view,
                        google::protobuf::RepeatedPtrField<plan::PostOp>& out, LibraryTranslation& translation) {
  if (!list) return absl::OkStatus();
  size_t next = 0;
  for (mlir::Attribute entry : list) {
    auto dictionary = llvm::dyn_cast<mlir::DictionaryAttr>(entry);
    auto kind = dictionary ? dictionary.getAs<mlir::StringAttr>("kind") : nullptr;
    if (!kind) return absl::InternalError("a post-op without kind");
    plan::PostOp& op = *out.Add();
    if (auto function = dictionary.getAs<mlir::StringAttr>("function")) op.set_function(function.getValue().str());
    if (auto alpha = dictionary.getAs<mlir::FloatAttr>("alpha")) op.set_alpha(alpha.getValueAsDouble());
    if (auto beta = dictionary.getAs<mlir::FloatAttr>("beta")) op.set_beta(beta.getValueAsDouble());
    if (kind.getValue() == "eltwise") {
      op.set_kind(plan::PostOp::ELTWISE);
      continue;
    }
    if (next >= post_operands.size()) return absl::InternalError("a post-op without its operand");
    const int number = first + static_cast<int>(next);
    mlir::Value operand = post_operands[next++];
    if (kind.getValue() == "sum") {
      op.set_kind(plan::PostOp::SUM);
      translation.summed_operand = number;
      continue;
    }
    op.set_kind(plan::PostOp::BINARY);
    absl::StatusOr<plan::MemoryDesc> desc = view(operand);
    if (!desc.ok()) return desc.status();
    *op.mutable_operand() = *std::move(desc);
    translation.operands.push_back(number);
  }
  return absl::OkStatus();
}

// How a product's dims are merged, so that the library sees as few as possible.
enum class Merge { kNone, kBatch, kRows };

// [batch..., X, Y] with the batch (and, by kRows, X) merged into one dim. The batch is all ones or that of the result.
Dims Merged(llvm::ArrayRef<int64_t> dims, Merge merge) {
  const size_t rank = dims.size();
  switch (merge) {
    case Merge::kNone: return Dims(dims);
    case Merge::kBatch: return {Product(dims.drop_back(2)), dims[rank - 2], dims[rank - 1]};
    case Merge::kRows: return {Product(dims.drop_back(1)), dims[rank - 1]};
  }
  return {};
}

absl::StatusOr<LibraryTranslation> Translate(graph::DotGeneralOp op) {
  const Dims dst = DimsOf(op.getResult());
  const size_t rank = std::max<size_t>(dst.size(), 2);
  if (dst.size() < 2) return absl::UnimplementedError("a product with fewer than two dims");
  Dims a = Padded(DimsOf(op.getLhs()), rank), b = Padded(DimsOf(op.getRhs()), rank);
  if (op.getTransposeLhs()) std::swap(a[rank - 2], a[rank - 1]);
  if (op.getTransposeRhs()) std::swap(b[rank - 2], b[rank - 1]);

  // What is broadcast to the result decides which dims may be merged.
  llvm::SmallVector<Dims> broadcast;
  if (op.getBias()) broadcast.push_back(Padded(DimsOf(op.getBias()), rank));
  for (mlir::Value operand : op.getPostOperands()) broadcast.push_back(Padded(DimsOf(operand), rank));
  auto fits = [&](llvm::ArrayRef<int64_t> dims, size_t last) {
    return AllOnes(dims.drop_back(last)) || dims.drop_back(last) == llvm::ArrayRef(dst).drop_back(last);
  };
  auto many = [](mlir::Value value) { return value && TensorOf(value).getNumElements() > 1; };
  Merge merge = Merge::kNone;
  if (rank > 2 && !many(op.getLhsZeroPoint()) && AllOnes(llvm::ArrayRef(b).drop_back(2)) && !op.getTransposeLhs() &&
      llvm::all_of(broadcast, [&](const Dims& dims) { return fits(dims, 1); })) {
    merge = Merge::kRows;
  } else if (rank > 3 && fits(a, 2) && fits(b, 2) &&
             llvm::all_of(broadcast, [&](const Dims& dims) { return fits(dims, 2); })) {
    merge = Merge::kBatch;
  }

  LibraryTranslation translation;
  plan::Matmul& matmul = *translation.op.mutable_matmul();
  absl::Status status = SetDesc(*matmul.mutable_a(), op.getLhs(), Merged(a, merge));
  status.Update(SetDesc(*matmul.mutable_b(), op.getRhs(),
                        merge == Merge::kRows ? Dims{b[rank - 2], b[rank - 1]} : Merged(b, merge)));
  status.Update(SetDesc(*matmul.mutable_dst(), op.getResult(), Merged(dst, merge)));
  if (op.getTransposeLhs()) ExchangeStrides(*matmul.mutable_a());
  if (op.getTransposeRhs()) ExchangeStrides(*matmul.mutable_b());
  if (!status.ok()) return status;
  auto view = [&](mlir::Value value) -> absl::StatusOr<plan::MemoryDesc> {
    plan::MemoryDesc desc;
    absl::Status result = SetDesc(desc, value, Merged(Padded(DimsOf(value), rank), merge));
    if (!result.ok()) return result;
    return desc;
  };
  translation.operands = {0, 1};
  if (op.getBias()) {
    absl::StatusOr<plan::MemoryDesc> bias = view(op.getBias());
    if (!bias.ok()) return bias.status();
    *matmul.mutable_bias() = *std::move(bias);
    translation.operands.push_back(op.getODSOperandIndexAndLength(2).first);
  }
  if (op.getLhsZeroPoint()) {
    matmul.set_has_a_zero_point(true);
    matmul.set_a_zero_point_per_row(many(op.getLhsZeroPoint()));
    translation.operands.push_back(op.getODSOperandIndexAndLength(3).first);
  }
  if (op.getRhsZeroPoint()) {
    matmul.set_has_b_zero_point(true);
    matmul.set_b_zero_point_per_column(many(op.getRhsZeroPoint()));
    translation.operands.push_back(op.getODSOperandIndexAndLength(4).first);
  }
  const double scale = op.getScale().convertToDouble();
  if (scale != 1) matmul.set_scale(scale);
  status = AddPostOps(op.getPostOps().value_or(nullptr), op.getPostOperands(), op.getODSOperandIndexAndLength(5).first,
                      view, *matmul.mutable_post_ops(), translation);
  if (!status.ok()) return status;
  return translation;
}

absl::StatusOr<LibraryTranslation> Translate(graph::ConvolutionOp op) {
  const bool channels_last = op.getChannelsLast();
  auto view = [&](mlir::Value value) -> absl::StatusOr<plan::MemoryDesc> {
    plan::MemoryDesc desc;
    Dims dims = Padded(DimsOf(value), TensorOf(op.getResult()).getRank());
    absl::Status result = SetDesc(desc, value, channels_last ? ChannelsFirst(dims) : dims);
    if (!result.ok()) return result;
    if (channels_last) ChannelsLastStrides(desc);
    return desc;
  };
  LibraryTranslation translation;
  plan::Convolution& convolution = *translation.op.mutable_convolution();
  absl::StatusOr<plan::MemoryDesc> src = view(op.getOperand()), dst = view(op.getResult());
  if (!src.ok()) return src.status();
  if (!dst.ok()) return dst.status();
  *convolution.mutable_src() = *std::move(src);
  *convolution.mutable_dst() = *std::move(dst);
  absl::Status status = SetDesc(*convolution.mutable_weights(), op.getWeights(), DimsOf(op.getWeights()));
  translation.operands = {0, 1};
  if (op.getBias()) {
    status.Update(SetDesc(*convolution.mutable_bias(), op.getBias(), DimsOf(op.getBias())));
    translation.operands.push_back(op.getODSOperandIndexAndLength(2).first);
  }
  if (op.getOperandZeroPoint()) {
    convolution.set_has_src_zero_point(true);
    translation.operands.push_back(op.getODSOperandIndexAndLength(3).first);
  }
  if (op.getWeightsZeroPoint()) {
    convolution.set_has_weights_zero_point(true);
    convolution.set_weights_zero_point_per_channel(TensorOf(op.getWeightsZeroPoint()).getNumElements() > 1);
    translation.operands.push_back(op.getODSOperandIndexAndLength(4).first);
  }
  if (!status.ok()) return status;
  for (int64_t value : op.getStrides()) convolution.add_strides(value);
  for (int64_t value : op.getDilations()) convolution.add_dilations(value);
  for (int64_t value : op.getPadsBegin()) convolution.add_pads_begin(value);
  for (int64_t value : op.getPadsEnd()) convolution.add_pads_end(value);
  convolution.set_groups(op.getGroups());
  convolution.set_transposed(op.getTransposed());
  status = AddPostOps(op.getPostOps().value_or(nullptr), op.getPostOperands(), op.getODSOperandIndexAndLength(5).first,
                      view, *convolution.mutable_post_ops(), translation);
  if (!status.ok()) return status;
  return translation;
}

absl::StatusOr<LibraryTranslation> Translate(graph::PoolOp op) {
  LibraryTranslation translation;
  translation.operands = {0};
  plan::Pool& pool = *translation.op.mutable_pool();
  switch (op.getKind()) {
    case graph::PoolKind::max: pool.set_kind(plan::Pool::MAX); break;
    case graph::PoolKind::average: pool.set_kind(plan::Pool::AVERAGE_EXCLUDE_PADDING); break;
    case graph::PoolKind::average_include_padding:
      pool.set_kind(plan::Pool::AVERAGE_INCLUDE_PADDING);
      if (op.getCountedPadsEnd() != op.getPadsEnd()) {
        return absl::UnimplementedError("an average that counts a part of the padding");
      }
      break;
  }
  const bool channels_last = op.getChannelsLast();
  auto set = [&](plan::MemoryDesc& desc, mlir::Value value) {
    const Dims dims = DimsOf(value);
    absl::Status status = SetDesc(desc, value, channels_last ? ChannelsFirst(dims) : dims);
    if (status.ok() && channels_last) ChannelsLastStrides(desc);
    return status;
  };
  absl::Status status = set(*pool.mutable_src(), op.getOperand());
  status.Update(set(*pool.mutable_dst(), op.getResult()));
  if (!status.ok()) return status;
  for (int64_t value : op.getKernel()) pool.add_kernel(value);
  for (int64_t value : op.getStrides()) pool.add_strides(value);
  for (int64_t value : op.getDilations()) pool.add_dilations(value);
  for (int64_t value : op.getPadsBegin()) pool.add_pads_begin(value);
  for (int64_t value : op.getPadsEnd()) pool.add_pads_end(value);
  return translation;
}

absl::StatusOr<LibraryTranslation> Translate(graph::RecurrentOp op) {
  LibraryTranslation translation;
  plan::Recurrent& recurrent = *translation.op.mutable_recurrent();
  const std::pair<const char*, plan::Recurrent::Cell> cells[] = {
      {"lstm", plan::Recurrent::LSTM}, {"gru", plan::Recurrent::GRU},
      {"linear_before_reset_gru", plan::Recurrent::LINEAR_BEFORE_RESET_GRU},
      {"vanilla_tanh", plan::Recurrent::VANILLA_TANH}, {"vanilla_relu", plan::Recurrent::VANILLA_RELU}};
  bool known = false;
  for (const auto& [name, cell] : cells) {
    if (op.getCell() != name) continue;
    recurrent.set_cell(cell);
    known = true;
  }
  if (!known) return absl::UnimplementedError(absl::StrCat("a recurrent cell '", op.getCell().str(), "'"));
  if (!TensorOf(op.getX()).getElementType().isF32()) return absl::UnimplementedError("recurrent nets are f32 only");
  const Dims x = DimsOf(op.getX());
  recurrent.set_direction(op.getDirection().str());
  recurrent.set_sequence(x[0]);
  recurrent.set_batch(x[1]);
  recurrent.set_input_size(x[2]);
  recurrent.set_hidden_size(op.getHiddenSize());
  recurrent.set_has_bias(op.getBias() != nullptr);
  recurrent.set_has_initial_h(op.getInitialH() != nullptr);
  recurrent.set_has_initial_c(op.getInitialC() != nullptr);
  if (op.getQuantization()) {
    recurrent.set_quantized(TensorOf(op.getW()).getElementType().isUnsignedInteger() ? plan::U8 : plan::I8);
  }
  for (unsigned i = 0; i < op->getNumOperands(); ++i) translation.operands.push_back(static_cast<int>(i));
  return translation;
}

// [N, H, S, D] as [N, S, H, D] lies in memory.
absl::Status SetHeadsDesc(plan::MemoryDesc& desc, mlir::Value value, bool sequence_first) {
  Dims dims = DimsOf(value);
  if (!sequence_first) return SetDesc(desc, value, dims);
  std::swap(dims[1], dims[2]);
  absl::Status status = SetDesc(desc, value, dims);
  for (int64_t stride : {dims[1] * dims[2] * dims[3], dims[3], dims[1] * dims[3], int64_t{1}}) desc.add_strides(stride);
  return status;
}

absl::StatusOr<LibraryTranslation> Translate(graph::AttentionOp op) {
  LibraryTranslation translation;
  plan::Attention& attention = *translation.op.mutable_attention();
  llvm::ArrayRef<bool> first = op.getSequenceFirst();
  absl::Status status = SetHeadsDesc(*attention.mutable_q(), op.getQ(), first[0]);
  status.Update(SetHeadsDesc(*attention.mutable_k(), op.getK(), first[1]));
  status.Update(SetHeadsDesc(*attention.mutable_v(), op.getV(), first[2]));
  status.Update(SetHeadsDesc(*attention.mutable_dst(), op.getResult(), first[3]));
  translation.operands = {0, 1, 2};
  if (op.getMask()) {
    status.Update(SetDesc(*attention.mutable_mask(), op.getMask(), Padded(DimsOf(op.getMask()), 4)));
    translation.operands.push_back(3);
  }
  attention.set_scale(static_cast<float>(op.getScale().convertToDouble()));
  attention.set_zero_if_nan(op.getZeroIfNan());
  if (op.getKeysOfPart()) {
    attention.set_keys_of_part(static_cast<int64_t>(*op.getKeysOfPart()));
    status.Update(SetDesc(*attention.mutable_stats(), op.getStats(), DimsOf(op.getStats())));
  }
  if (!status.ok()) return status;
  return translation;
}

}  // namespace

absl::StatusOr<LibraryTranslation> TranslateToLibrary(mlir::Operation* operation) {
  // Static shapes alone: the library's code is made for its sizes.
  for (mlir::Type type : llvm::concat<mlir::Type>(llvm::to_vector<4>(operation->getOperandTypes()),
                                                  llvm::to_vector<2>(operation->getResultTypes()))) {
    if (!llvm::cast<mlir::RankedTensorType>(type).hasStaticShape()) {
      return absl::UnimplementedError("a shape that is known only at run time");
    }
  }
  if (auto op = llvm::dyn_cast<graph::DotGeneralOp>(operation)) return Translate(op);
  if (auto op = llvm::dyn_cast<graph::ConvolutionOp>(operation)) return Translate(op);
  if (auto op = llvm::dyn_cast<graph::PoolOp>(operation)) return Translate(op);
  if (auto op = llvm::dyn_cast<graph::RecurrentOp>(operation)) return Translate(op);
  if (auto op = llvm::dyn_cast<graph::AttentionOp>(operation)) return Translate(op);
  return absl::UnimplementedError(
      absl::StrCat("no form of '", operation->getName().getStringRef().str(), "' in the library's description"));
}

plan::MemoryDesc* PackableDesc(plan::LibraryOp& op, int operand) {
  if (op.has_matmul() && operand == 0) return op.mutable_matmul()->mutable_a();
  if (op.has_matmul() && operand == 1) return op.mutable_matmul()->mutable_b();
  if (op.has_convolution() && operand == 1) return op.mutable_convolution()->mutable_weights();
  return nullptr;
}

void DescribePacked(const std::string& library, int64_t bytes, plan::MemoryDesc& desc) {
  if (library == "cudnn") {
    desc.clear_strides();
    ChannelsLastStrides(desc);
  } else {
    desc.set_packed_bytes(bytes);
  }
}

void DescribePlain(const std::string& library, plan::MemoryDesc& desc) {
  if (library == "cudnn") desc.clear_strides();   // weights are dense in the graph
  desc.set_packed_bytes(0);
}

}  // namespace plimsoll::compiler

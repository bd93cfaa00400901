#include "runtime/library/cublaslt/cublaslt.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/library/cublaslt/api.h"
#include "runtime/library/cublaslt/gemm.h"
#include "runtime/library/nvidia/address.h"
#include "runtime/library/nvidia/context.h"
#include "runtime/library/nvidia/nothing.h"

namespace plimsoll::runtime::cublaslt {
namespace {

// Candidates of one question. The first is the library's choice; tuning measures all.
constexpr int kCandidates = 16;

DataType TypeOf(plan::DataType type) {
  switch (type) {
    case plan::F64:
      return kR64F;
    case plan::F16:
      return kR16F;
    case plan::BF16:
      return kR16BF;
    default:
      return kR32F;
  }
}

uint32_t EpilogueOf(const Gemm& gemm) {
  const uint32_t activation = gemm.activation == nvidia::Activation::kRelu       ? kEpilogueRelu
                              : gemm.activation == nvidia::Activation::kGeluTanh ? kEpilogueGelu
                                                                                 : 0;
  const uint32_t bits = activation | (gemm.bias_operand >= 0 ? kEpilogueBias : 0);
  return bits != 0 ? bits : kEpilogueDefault;
}

using Context = nvidia::Context<Api, Handle>;

// The descriptors of a Gemm, as the library holds them.
class Descriptors {
 public:
  explicit Descriptors(const Api& api) : api_(api) {}
  ~Descriptors() {
    if (desc_ != nullptr) api_.MatmulDescDestroy(desc_);
    for (MatrixLayout layout : layouts_) {
      if (layout != nullptr) api_.MatrixLayoutDestroy(layout);
    }
  }

  absl::Status Make(const Gemm& gemm) {
    const bool is_double = gemm.d.dtype == plan::F64;
    const int compute = is_double ? kCompute64F : gemm.tf32 ? kCompute32FFastTf32 : kCompute32F;
    absl::Status status =
        ToStatus(api_, api_.MatmulDescCreate(&desc_, compute, is_double ? kR64F : kR32F), "cublasLtMatmulDescCreate");
    if (!status.ok()) return status;
    status = Set<int32_t>(kTransA, gemm.transpose_a ? kOpT : kOpN);
    status.Update(Set<int32_t>(kTransB, gemm.transpose_b ? kOpT : kOpN));
    status.Update(Set<uint32_t>(kEpilogue, EpilogueOf(gemm)));
    if (gemm.bias_operand >= 0) status.Update(Set<int32_t>(kBiasDataType, TypeOf(gemm.d.dtype)));
    const std::array<const Gemm::Matrix*, 4> matrices = {&gemm.a, &gemm.b, &gemm.c, &gemm.d};
    for (size_t i = 0; status.ok() && i < matrices.size(); ++i)
      status = MakeLayout(*matrices[i], gemm.batch, layouts_[i]);
    return status;
  }

  absl::Status SetBias(const void* bias) { return Set<const void*>(kBiasPointer, bias); }

  MatmulDesc desc() const { return desc_; }
  MatrixLayout a() const { return layouts_[0]; }
  MatrixLayout b() const { return layouts_[1]; }
  MatrixLayout c() const { return layouts_[2]; }
  MatrixLayout d() const { return layouts_[3]; }

 private:
  template <typename T>
  absl::Status Set(MatmulAttribute attribute, T value) {
    return ToStatus(api_, api_.MatmulDescSetAttribute(desc_, attribute, &value, sizeof(value)),
                    "cublasLtMatmulDescSetAttribute");
  }

  absl::Status MakeLayout(const Gemm::Matrix& matrix, int64_t batch, MatrixLayout& layout) {
    absl::Status status = ToStatus(
        api_, api_.MatrixLayoutCreate(&layout, TypeOf(matrix.dtype), matrix.rows, matrix.columns, matrix.leading),
        "cublasLtMatrixLayoutCreate");
    if (!status.ok() || batch == 1) return status;
    const int32_t count = static_cast<int32_t>(batch);
    status = ToStatus(api_, api_.MatrixLayoutSetAttribute(layout, kBatchCount, &count, sizeof(count)),
                      "cublasLtMatrixLayoutSetAttribute");
    status.Update(ToStatus(
        api_,
        api_.MatrixLayoutSetAttribute(layout, kStridedBatchOffset, &matrix.batch_stride, sizeof(matrix.batch_stride)),
        "cublasLtMatrixLayoutSetAttribute"));
    return status;
  }

  const Api& api_;
  MatmulDesc desc_ = nullptr;
  std::array<MatrixLayout, 4> layouts_ = {};
};

class PreparedGemm : public PreparedOp {
 public:
  PreparedGemm(const Gemm& gemm, int64_t workspace_bytes, nvidia::Alignments alignments, const Api* api)
      : gemm_(gemm),
        workspace_bytes_(workspace_bytes),
        alignments_(std::move(alignments)),
        api_(api),
        descriptors_(*api) {}

  absl::Status Make(const PrepareOptions& options) {
    auto context = Context::Of(api_, options.device, "cublasLtCreate");
    if (!context.ok()) return context.status();
    context_ = *std::move(context);
    if (absl::Status status = descriptors_.Make(gemm_); !status.ok()) return status;
    if (gemm_.bias_operand >= 0) {
      // Not read before Run: what counts in choosing is its alignment.
      absl::Status status = descriptors_.SetBias(reinterpret_cast<const void*>(alignments_.Of(gemm_.bias_operand)));
      if (!status.ok()) return status;
    }
    auto candidates = Candidates();
    if (!candidates.ok()) return candidates.status();
    algorithm_ = candidates->front();
    return options.tuner != nullptr ? Tune(*candidates, *options.tuner) : absl::OkStatus();
  }

  absl::Status Run(absl::Span<void* const> operands, StreamHandle stream) override {
    if (absl::Status status = alignments_.Check(operands, "cuBLASLt"); !status.ok()) return status;
    if (gemm_.bias_operand >= 0) {
      absl::Status status = descriptors_.SetBias(operands[gemm_.bias_operand]);
      if (!status.ok()) return status;
    }
    const float alpha = static_cast<float>(gemm_.alpha), beta = gemm_.has_addend ? 1 : 0;
    const double double_alpha = gemm_.alpha, double_beta = beta;
    const bool is_double = gemm_.d.dtype == plan::F64;
    const nvidia::Block workspace =
        nvidia::Aligned(workspace_bytes_ > 0 ? operands.back() : nullptr, workspace_bytes_, kWorkspaceAlignment);
    return ToStatus(*api_,
                    api_->Matmul(context_->handle(), descriptors_.desc(),
                                 is_double ? static_cast<const void*>(&double_alpha) : &alpha,
                                 operands[gemm_.a.operand], descriptors_.a(), operands[gemm_.b.operand],
                                 descriptors_.b(), is_double ? static_cast<const void*>(&double_beta) : &beta,
                                 operands[gemm_.c.operand], descriptors_.c(), operands[gemm_.d.operand],
                                 descriptors_.d(), &algorithm_, workspace.address, workspace.bytes, stream),
                    "cublasLtMatmul");
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  int operand_count() const override { return gemm_.operands + (workspace_bytes_ > 0 ? 1 : 0); }

 private:
  absl::StatusOr<std::vector<Algorithm>> Candidates() const {
    Preference preference = nullptr;
    if (absl::Status s = ToStatus(*api_, api_->PreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
        !s.ok()) {
      return s;
    }
    auto set = [&](PreferenceAttribute attribute, auto value) {
      return ToStatus(*api_, api_->PreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
                      "cublasLtMatmulPreferenceSetAttribute");
    };
    const uint64_t workspace = alignments_.Usable(gemm_.operands, workspace_bytes_, kWorkspaceAlignment);
    absl::Status status = set(kMaxWorkspaceBytes, workspace);
    status.Update(set(kReductionSchemeMask, static_cast<uint32_t>(kReductionComputeType)));
    const std::pair<PreferenceAttribute, int> operands[] = {{kMinAlignmentABytes, gemm_.a.operand},
                                                            {kMinAlignmentBBytes, gemm_.b.operand},
                                                            {kMinAlignmentCBytes, gemm_.c.operand},
                                                            {kMinAlignmentDBytes, gemm_.d.operand}};
    for (const auto& [attribute, operand] : operands) {
      status.Update(set(attribute, static_cast<uint32_t>(alignments_.Of(operand))));
    }
    std::array<HeuristicResult, kCandidates> results = {};
    int returned = 0;
    if (status.ok()) {
      status = ToStatus(*api_,
                        api_->AlgoGetHeuristic(context_->handle(), descriptors_.desc(), descriptors_.a(),
                                               descriptors_.b(), descriptors_.c(), descriptors_.d(), preference,
                                               kCandidates, results.data(), &returned),
                        "cublasLtMatmulAlgoGetHeuristic");
    }
    api_->PreferenceDestroy(preference);
    if (!status.ok() && !absl::IsUnimplemented(status)) return status;
    std::vector<Algorithm> found;
    for (int i = 0; status.ok() && i < std::min(returned, kCandidates); ++i) {
      if (results[i].state == kSuccess && results[i].workspace_bytes <= workspace)
        found.push_back(results[i].algorithm);
    }
    if (found.empty()) {
      return absl::UnimplementedError(absl::StrCat("cuBLASLt has no algorithm here for ", Description(), " within ",
                                                   workspace, " bytes of workspace", status.ok() ? "" : ": ",
                                                   status.message()));
    }
    return found;
  }

  // The fastest of `candidates`; those that do not run are passed over.
  absl::Status Tune(const std::vector<Algorithm>& candidates, Tuner& tuner) {
    double best = std::numeric_limits<double>::infinity();
    Algorithm fastest = candidates.front();
    for (const Algorithm& candidate : candidates) {
      algorithm_ = candidate;
      absl::StatusOr<double> seconds =
          tuner.Seconds([&](absl::Span<void* const> operands, StreamHandle stream) { return Run(operands, stream); });
      if (seconds.ok() && *seconds < best) {
        best = *seconds;
        fastest = candidate;
      }
    }
    algorithm_ = fastest;
    return absl::OkStatus();
  }

  std::string Description() const {
    return absl::StrCat(plan::DataType_Name(gemm_.a.dtype), " to ", plan::DataType_Name(gemm_.d.dtype),
                        ", m=", gemm_.d.rows, " n=", gemm_.d.columns, " k=", gemm_.inner, " batch=", gemm_.batch,
                        gemm_.transpose_a ? " T" : " N", gemm_.transpose_b ? "T" : "N", ", leading dimensions ",
                        gemm_.a.leading, ", ", gemm_.b.leading, ", ", gemm_.d.leading, ", epilogue ", EpilogueOf(gemm_),
                        ", alignment ", alignments_.Least());
  }

  const Gemm gemm_;
  const int64_t workspace_bytes_;
  const nvidia::Alignments alignments_;
  const Api* const api_;
  std::shared_ptr<Context> context_;
  Descriptors descriptors_;
  Algorithm algorithm_ = {};
};

}  // namespace

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target) {
  absl::StatusOr<Gemm> gemm = GemmOf(op, target);
  if (!gemm.ok()) return gemm.status();
  return Requirements{gemm->workspace_bytes, {}};
}

absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target,
                                                    const PrepareOptions& options) {
  absl::StatusOr<Gemm> gemm = GemmOf(op, target);
  if (!gemm.ok()) return gemm.status();
  if (op.workspace_bytes() < 0) return absl::InvalidArgumentError("a workspace of negative size");
  if (gemm->is_empty) return std::make_unique<nvidia::Nothing>(gemm->operands, op.workspace_bytes());
  absl::StatusOr<nvidia::Alignments> alignments =
      nvidia::Alignments::Make(options.alignments, gemm->operands + (op.workspace_bytes() > 0 ? 1 : 0));
  if (!alignments.ok()) return alignments.status();
  absl::StatusOr<const Api*> api = Open();
  if (!api.ok()) return api.status();
  auto prepared = std::make_unique<PreparedGemm>(*gemm, op.workspace_bytes(), *std::move(alignments), *api);
  if (absl::Status status = prepared->Make(options); !status.ok()) return status;
  return prepared;
}

}  // namespace plimsoll::runtime::cublaslt

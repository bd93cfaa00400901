#include "frontends/onnx/wire.h"

#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"

namespace plimsoll::onnx_frontend {
namespace {

// The messages that may hold a TensorProto, and the tensor itself.
enum class Message { kModel, kGraph, kNode, kAttribute, kFunction, kSparse, kTensor };

// Which message field `number` of a `message` holds, if it is on the way to a tensor (numbers of onnx.proto).
std::optional<Message> Inner(Message message, uint64_t number) {
  switch (message) {
    case Message::kModel:
      if (number == 7) return Message::kGraph;
      if (number == 25) return Message::kFunction;
      break;
    case Message::kGraph:
      if (number == 1) return Message::kNode;
      if (number == 5) return Message::kTensor;
      if (number == 15) return Message::kSparse;
      break;
    case Message::kNode:
      if (number == 5) return Message::kAttribute;
      break;
    case Message::kAttribute:
      if (number == 5 || number == 10) return Message::kTensor;
      if (number == 6 || number == 11) return Message::kGraph;
      if (number == 22 || number == 23) return Message::kSparse;
      break;
    case Message::kFunction:
      if (number == 7) return Message::kNode;
      if (number == 11) return Message::kAttribute;
      break;
    case Message::kSparse:
      if (number == 1 || number == 2) return Message::kTensor;
      break;
    case Message::kTensor:
      break;
  }
  return std::nullopt;
}

constexpr uint64_t kTensorRawData = 9;
constexpr uint64_t kTensorExternalData = 13;
constexpr uint64_t kTensorDataLocation = 14;
constexpr uint64_t kModelTrainingInfo = 20;

class Scanner {
 public:
  explicit Scanner(weights::Bytes bytes) : data_(reinterpret_cast<const uint8_t*>(bytes.data())) {}

  // Appends the message in [begin, end) to `out`. False: malformed.
  bool Copy(Message message, size_t begin, size_t end, int depth, std::string& out) {
    if (depth > kMaxDepth) return Fail(begin, "messages are nested too deep");
    for (size_t at = begin; at < end;) {
      const size_t field = at;
      uint64_t tag = 0, length = 0;
      if (!Varint(at, end, tag)) return false;
      const uint64_t number = tag >> 3;
      if (number == 0) return Fail(field, "a field has the number 0");
      switch (tag & 7) {
        case 0:
          if (!Varint(at, end, length)) return false;
          break;
        case 1:
          if (!Skip(at, end, 8)) return false;
          break;
        case 5:
          if (!Skip(at, end, 4)) return false;
          break;
        case 2: {
          if (!Varint(at, end, length)) return false;
          const size_t value = at;
          if (!Skip(at, end, length)) return false;
          if (message == Message::kModel && number == kModelTrainingInfo) continue;
          if (message == Message::kTensor && number == kTensorRawData && length > kMaxKept) {
            AppendRange(value, length, out);
            continue;
          }
          if (std::optional<Message> inner = Inner(message, number)) {
            std::string content;
            if (!Copy(*inner, value, value + length, depth + 1, content)) return false;
            AppendField(number, content, out);
            continue;
          }
          break;
        }
        default:
          return Fail(field, "a field has an unknown wire type");
      }
      out.append(reinterpret_cast<const char*>(data_) + field, at - field);
    }
    return true;
  }

  const std::string& reason() const { return reason_; }

 private:
  static constexpr int kMaxDepth = 90;  // Protobuf's own limit is 100
  static constexpr uint64_t kMaxKept = kMaxKeptRawBytes;

  bool Fail(size_t at, const char* reason) {
    reason_ = absl::StrCat(reason, " (at byte ", at, ")");
    return false;
  }
  bool Varint(size_t& at, size_t end, uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at >= end) return Fail(at, "it ends in the middle of a field");
      const uint8_t byte = data_[at++];
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return Fail(at, "a number is too long");
  }
  bool Skip(size_t& at, size_t end, uint64_t length) {
    if (length > end - at) {
      return Fail(at, "a field is longer than what is left of the file: it is truncated, or no ONNX model");
    }
    at += length;
    return true;
  }
  static void AppendVarint(uint64_t value, std::string& out) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
  }
  static void AppendField(uint64_t number, const std::string& content, std::string& out) {
    AppendVarint(number << 3 | 2, out);
    AppendVarint(content.size(), out);
    out += content;
  }
  // external_data {key, value} and data_location = EXTERNAL.
  static void AppendRange(size_t offset, uint64_t length, std::string& out) {
    std::string entry;
    AppendField(1, kRangeKey, entry);
    AppendField(2, absl::StrCat(offset, ":", length), entry);
    AppendField(kTensorExternalData, entry, out);
    AppendVarint(kTensorDataLocation << 3, out);
    AppendVarint(1, out);
  }

  const uint8_t* data_;
  std::string reason_;
};

}  // namespace

absl::StatusOr<std::string> WithoutWeights(weights::Bytes model) {
  Scanner scanner(model);
  std::string out;
  if (!scanner.Copy(Message::kModel, 0, model.size(), 0, out)) return absl::DataLossError(scanner.reason());
  return out;
}

}  // namespace plimsoll::onnx_frontend

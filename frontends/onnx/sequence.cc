// Sequences of tensors, and optionals (bundle.h).
#include "frontends/onnx/bundle.h"
#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

Value Bundle(NodeContext& c, const std::vector<Value>& elements) {
  return onnx_frontend::Bundle(c.builder(), c.location(), elements);
}

std::vector<Value> Elements(NodeContext& c, int i) {
  std::optional<std::vector<Value>> elements = Unbundle(c.AnyInput(i));
  if (!elements) FailUnsupported("a sequence that is known only at run time");
  return *std::move(elements);
}

// The position that input i gives; `count` positions, negative ones from the end.
int64_t Position(NodeContext& c, int i, int64_t count) {
  const Dims position = c.ConstantIntegers(i);
  Check(position.size() == 1, "the position must be a scalar");
  return c.Axis(position.front(), count);
}

// An optional is what it holds, or a value of no type.
void Optional(NodeContext& c) {
  if (c.HasInput(0)) return c.SetOutput(0, c.AnyInput(0));
  c.SetOutput(0, Nothing(c.builder(), c.location()));
}

bool IsEmpty(NodeContext& c) { return !c.HasInput(0) || llvm::isa<mlir::NoneType>(c.AnyInput(0).getType()); }

void OptionalHasElement(NodeContext& c) { c.SetOutput(0, c.Scalar(c.I1(), IsEmpty(c) ? 0 : 1)); }
void OptionalGetElement(NodeContext& c) {
  Check(!IsEmpty(c), "the optional is empty");
  c.SetOutput(0, c.AnyInput(0));
}

void SequenceConstruct(NodeContext& c) { c.SetOutput(0, Bundle(c, c.Inputs())); }
void SequenceEmpty(NodeContext& c) { c.SetOutput(0, Bundle(c, {})); }

void SequenceAt(NodeContext& c) {
  const std::vector<Value> elements = Elements(c, 0);
  c.SetOutput(0, elements[Position(c, 1, static_cast<int64_t>(elements.size()))]);
}

void SequenceInsert(NodeContext& c) {
  std::vector<Value> elements = Elements(c, 0);
  const int64_t count = static_cast<int64_t>(elements.size());
  int64_t at = count;
  if (c.HasInput(2)) {
    const Dims position = c.ConstantIntegers(2);
    Check(position.size() == 1 && position[0] >= -count && position[0] <= count, "the position is out of range");
    at = position[0] < 0 ? position[0] + count : position[0];
  }
  elements.insert(elements.begin() + at, c.Input(1));
  c.SetOutput(0, Bundle(c, elements));
}

void SequenceErase(NodeContext& c) {
  std::vector<Value> elements = Elements(c, 0);
  const int64_t count = static_cast<int64_t>(elements.size());
  elements.erase(elements.begin() + (c.HasInput(1) ? Position(c, 1, count) : c.Axis(-1, count)));
  c.SetOutput(0, Bundle(c, elements));
}

void SequenceLength(NodeContext& c) { c.SetOutput(0, c.Scalar(c.I64(), static_cast<double>(Elements(c, 0).size()))); }

void ConcatFromSequence(NodeContext& c) {
  std::vector<Value> elements = Elements(c, 0);
  Check(!elements.empty(), "the sequence is empty");
  const bool new_axis = c.Flag("new_axis", false);
  const int64_t axis = c.Axis(c.Int("axis", 0), c.Rank(elements.front()) + (new_axis ? 1 : 0));
  for (Value& element : elements) {
    if (new_axis) element = c.Unsqueeze(element, {axis});
  }
  c.SetOutput(0, c.Concat(elements, axis));
}

void SplitToSequence(NodeContext& c) {
  Value x = c.Input(0);
  const int64_t axis = c.Axis(c.Int("axis", 0), c.Rank(x)), size = c.Dim(x, axis);
  Dims sizes;
  bool keep_dims = true;
  if (!c.HasInput(1)) {
    keep_dims = c.Flag("keepdims", true);
    Check(size <= 65536, "the sequence would be too long");
    sizes.assign(size, 1);
  } else {
    sizes = c.ConstantIntegers(1);
    if (c.Rank(c.Input(1)) == 0) {
      const int64_t part = sizes.front();
      Check(part > 0 && size / part <= 65536, "the parts' size is out of range");
      sizes.clear();
      for (int64_t start = 0; start < size; start += part) sizes.push_back(std::min(part, size - start));
    }
  }
  std::vector<Value> elements;
  int64_t start = 0;
  for (int64_t part : sizes) {
    Check(part >= 0 && part <= size - start, "the parts are larger than the dimension");
    Value element = c.SliceAxis(x, axis, start, part);
    elements.push_back(keep_dims ? element : c.Squeeze(element, {axis}));
    start += part;
  }
  c.SetOutput(0, Bundle(c, elements));
}

}  // namespace

void RegisterSequence(Registry& r) {
  r.Add("Optional", Optional);
  r.Add("OptionalHasElement", OptionalHasElement);
  r.Add("OptionalGetElement", OptionalGetElement);
  r.Add("SequenceConstruct", SequenceConstruct);
  r.Add("SequenceEmpty", SequenceEmpty);
  r.Add("SequenceAt", SequenceAt);
  r.Add("SequenceInsert", SequenceInsert);
  r.Add("SequenceErase", SequenceErase);
  r.Add("SequenceLength", SequenceLength);
  r.Add("ConcatFromSequence", ConcatFromSequence);
  r.Add("SplitToSequence", SplitToSequence);
}

}  // namespace plimsoll::onnx_frontend

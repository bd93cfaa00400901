// Operations an element: 1 for what is one instruction, and about the instructions of a vectorized polynomial for the
// rest.
#include "ir/graph/work.h"

namespace plimsoll::graph {

#define PER_RESULT(Op, operations) \
  Cost Op::cost() { return perResult(*this, operations); }
PER_RESULT(AbsOp, 1)
PER_RESULT(NegOp, 1)
PER_RESULT(SignOp, 2)
PER_RESULT(ExpOp, 10)
PER_RESULT(LogOp, 10)
PER_RESULT(SqrtOp, 4)
PER_RESULT(RsqrtOp, 4)
PER_RESULT(ReciprocalOp, 4)
PER_RESULT(TanhOp, 15)
PER_RESULT(ErfOp, 20)
PER_RESULT(SinOp, 15)
PER_RESULT(CosOp, 15)
PER_RESULT(TanOp, 25)
PER_RESULT(AsinOp, 15)
PER_RESULT(AcosOp, 15)
PER_RESULT(AtanOp, 15)
PER_RESULT(SinhOp, 20)
PER_RESULT(CoshOp, 20)
PER_RESULT(AsinhOp, 20)
PER_RESULT(AcoshOp, 20)
PER_RESULT(AtanhOp, 20)
PER_RESULT(FloorOp, 1)
PER_RESULT(CeilOp, 1)
PER_RESULT(RoundOp, 1)
PER_RESULT(NotOp, 1)
PER_RESULT(IsNanOp, 1)
PER_RESULT(IsInfOp, 2)
PER_RESULT(CastOp, 1)
PER_RESULT(AddOp, 1)
PER_RESULT(SubOp, 1)
PER_RESULT(MulOp, 1)
PER_RESULT(DivOp, 4)
PER_RESULT(PowOp, 30)
PER_RESULT(MaxOp, 1)
PER_RESULT(MinOp, 1)
PER_RESULT(AndOp, 1)
PER_RESULT(OrOp, 1)
PER_RESULT(XorOp, 1)
PER_RESULT(ShiftLeftOp, 1)
PER_RESULT(ShiftRightOp, 1)
PER_RESULT(ModOp, 6)
PER_RESULT(CompareOp, 1)
PER_RESULT(SelectOp, 1)
#undef PER_RESULT

Cost ActivationOp::cost() {
  double operations = 2;
  switch (getKind()) {
    case ActivationKind::relu:
      operations = 1;
      break;
    case ActivationKind::leaky_relu:
    case ActivationKind::clip:
      operations = 2;
      break;
    case ActivationKind::hard_sigmoid:
      operations = 4;
      break;
    case ActivationKind::hard_swish:
      operations = 5;
      break;
    case ActivationKind::elu:
      operations = 12;
      break;
    case ActivationKind::sigmoid:
    case ActivationKind::silu:
      operations = 15;
      break;
    case ActivationKind::gelu_tanh:
    case ActivationKind::softplus:
    case ActivationKind::gelu_erf:
      operations = 25;
      break;
    case ActivationKind::mish:
      operations = 40;
      break;
  }
  return perResult(*this, operations);
}

}  // namespace plimsoll::graph

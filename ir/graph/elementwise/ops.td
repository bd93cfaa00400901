// Elementwise operations. Operands broadcast as in numpy; results have the broadcast shape.

// Elementwise in the sense of the fuse pass: result element i depends on operand elements at i (broadcast) alone.
def Graph_ElementwiseTrait : NativeOpTrait<"ElementwiseOp"> { let cppNamespace = "::plimsoll::graph"; }

class Graph_Elementwise<string mnemonic, list<Trait> traits = []> : Graph_PureOp<mnemonic, !listconcat([
    DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>, Graph_ElementwiseTrait,
    DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>], traits)> {
  let hasFolder = 1;
}
// Same element type in and out.
class Graph_Unary<string mnemonic> : Graph_Elementwise<mnemonic> {
  let arguments = (ins Graph_Tensor:$operand);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}
def Graph_AbsOp : Graph_Unary<"abs">;
def Graph_NegOp : Graph_Unary<"neg">;
def Graph_SignOp : Graph_Unary<"sign">;
def Graph_ExpOp : Graph_Unary<"exp">;
def Graph_LogOp : Graph_Unary<"log">;
def Graph_SqrtOp : Graph_Unary<"sqrt">;
def Graph_RsqrtOp : Graph_Unary<"rsqrt">;
def Graph_ReciprocalOp : Graph_Unary<"reciprocal">;
def Graph_TanhOp : Graph_Unary<"tanh">;
def Graph_ErfOp : Graph_Unary<"erf">;
def Graph_SinOp : Graph_Unary<"sin">;
def Graph_CosOp : Graph_Unary<"cos">;
def Graph_TanOp : Graph_Unary<"tan">;
def Graph_AsinOp : Graph_Unary<"asin">;
def Graph_AcosOp : Graph_Unary<"acos">;
def Graph_AtanOp : Graph_Unary<"atan">;
def Graph_SinhOp : Graph_Unary<"sinh">;
def Graph_CoshOp : Graph_Unary<"cosh">;
def Graph_AsinhOp : Graph_Unary<"asinh">;
def Graph_AcoshOp : Graph_Unary<"acosh">;
def Graph_AtanhOp : Graph_Unary<"atanh">;
def Graph_FloorOp : Graph_Unary<"floor">;
def Graph_CeilOp : Graph_Unary<"ceil">;
def Graph_RoundOp : Graph_Unary<"round"> { let summary = "To nearest, ties to even"; }
def Graph_NotOp : Graph_Unary<"not"> { let summary = "Logical on i1, bitwise on integers"; }

// Float in, i1 out.
def Graph_IsNanOp : Graph_Unary<"is_nan">;
def Graph_IsInfOp : Graph_Elementwise<"is_inf"> {
  let arguments = (ins Graph_Tensor:$operand, DefaultValuedAttr<BoolAttr, "true">:$positive, DefaultValuedAttr<BoolAttr, "true">:$negative);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

def Graph_ActivationKind : I32EnumAttr<"ActivationKind", "", [
    I32EnumAttrCase<"relu", 0>, I32EnumAttrCase<"leaky_relu", 1>, I32EnumAttrCase<"elu", 2>, I32EnumAttrCase<"sigmoid", 3>,
    I32EnumAttrCase<"hard_sigmoid", 4>, I32EnumAttrCase<"hard_swish", 5>, I32EnumAttrCase<"silu", 6>,
    I32EnumAttrCase<"gelu_erf", 7>, I32EnumAttrCase<"gelu_tanh", 8>, I32EnumAttrCase<"softplus", 9>,
    I32EnumAttrCase<"mish", 10>, I32EnumAttrCase<"clip", 11>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::plimsoll::graph";
}
def Graph_ActivationKindAttr : EnumAttr<Graph_Dialect, Graph_ActivationKind, "activation_kind"> { let assemblyFormat = "`<` $value `>`"; }
def Graph_ActivationOp : Graph_Elementwise<"activation"> {
  let summary = "An activation function that libraries know as a post-operation";
  let description = [{leaky_relu, elu: alpha; hard_sigmoid: max(0, min(1, alpha x + beta)); hard_swish: x hard_sigmoid(1/6, 1/2);
    silu: x sigmoid(alpha x) (alpha 1: Swish); clip: min(max(x, alpha), beta).}];
  let arguments = (ins Graph_Tensor:$operand, Graph_ActivationKindAttr:$kind, DefaultValuedAttr<F64Attr, "0.0">:$alpha, DefaultValuedAttr<F64Attr, "0.0">:$beta);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` type($operand) `->` type($result)";
}

def Graph_CastOp : Graph_PureTypedOp<"cast", [DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>, Graph_ElementwiseTrait,
    DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]> {
  let summary = "Element type conversion with ONNX's rules (float to int truncates; saturate for 8-bit floats; to bool is != 0)";
  let arguments = (ins Graph_Tensor:$operand, DefaultValuedAttr<BoolAttr, "true">:$saturate);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

class Graph_Binary<string mnemonic> : Graph_Elementwise<mnemonic> {
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` `(` type($lhs) `,` type($rhs) `)` `->` type($result)";
}
def Graph_AddOp : Graph_Binary<"add">;
def Graph_SubOp : Graph_Binary<"sub">;
def Graph_MulOp : Graph_Binary<"mul">;
def Graph_DivOp : Graph_Binary<"div"> { let summary = "Integers truncate toward zero"; }
def Graph_PowOp : Graph_Binary<"pow"> { let summary = "The result has the base's type; the exponent may have another"; }
def Graph_MaxOp : Graph_Binary<"max"> { let summary = "NaN if either is"; }
def Graph_MinOp : Graph_Binary<"min"> { let summary = "NaN if either is"; }
def Graph_AndOp : Graph_Binary<"and"> { let summary = "Logical on i1, bitwise on integers"; }
def Graph_OrOp : Graph_Binary<"or">;
def Graph_XorOp : Graph_Binary<"xor">;
def Graph_ShiftLeftOp : Graph_Binary<"shift_left">;
def Graph_ShiftRightOp : Graph_Binary<"shift_right">;
def Graph_ModOp : Graph_Elementwise<"mod"> {
  let summary = "Python's sign (that of the divisor), or C's fmod with `fmod`";
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs, DefaultValuedAttr<BoolAttr, "false">:$fmod);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` `(` type($lhs) `,` type($rhs) `)` `->` type($result)";
}
def Graph_ComparePredicate : I32EnumAttr<"ComparePredicate", "", [
    I32EnumAttrCase<"eq", 0>, I32EnumAttrCase<"ne", 1>, I32EnumAttrCase<"lt", 2>, I32EnumAttrCase<"le", 3>,
    I32EnumAttrCase<"gt", 4>, I32EnumAttrCase<"ge", 5>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::plimsoll::graph";
}
def Graph_ComparePredicateAttr : EnumAttr<Graph_Dialect, Graph_ComparePredicate, "compare_predicate"> { let assemblyFormat = "`<` $value `>`"; }
def Graph_CompareOp : Graph_Elementwise<"compare"> {
  let arguments = (ins Graph_ComparePredicateAttr:$predicate, Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$predicate $lhs `,` $rhs attr-dict `:` `(` type($lhs) `,` type($rhs) `)` `->` type($result)";
}
def Graph_SelectOp : Graph_Elementwise<"select"> {
  let arguments = (ins Graph_Tensor:$condition, Graph_Tensor:$on_true, Graph_Tensor:$on_false);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$condition `,` $on_true `,` $on_false attr-dict `:` `(` type($condition) `,` type($on_true) `,` type($on_false) `)` `->` type($result)";
}

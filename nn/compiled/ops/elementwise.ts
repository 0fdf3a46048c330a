import { BOOL } from '../data-types.ts';
import { broadcast, define, each, input, type OpTable, same, typeOf } from './definition.ts';

/*
 * Ops that compute each element by itself.
 */

const both = (call: Parameters<typeof input>[0]) => broadcast(call.inputs.map(({ shape }) => shape));

/** Elementwise ops. */
export const ELEMENTWISE: OpTable = {
  // bfloat16 is exact enough for these: they round once, or saturate.
  ...each(
    `Abs Neg Sign Square Relu Relu6 LeakyRelu Elu Selu Tanh Sigmoid Floor Ceil Round Rint Reciprocal
     Identity StopGradient PreventGradient ZerosLike OnesLike`,
    define('follow', same()),
  ),
  // Small differences of large values, or wide ranges: float32, as PyTorch's autocast.
  ...each(
    `Exp Expm1 Log Log1p Sqrt Rsqrt Softplus Softsign Erf Erfc Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh
     Lgamma Digamma`,
    define('full', same()),
  ),
  ...each('Add AddV2 Sub Mul Maximum Minimum', define('follow', both)),
  ...each('Div RealDiv DivNoNan Pow SquaredDifference FloorDiv FloorMod Mod Atan2', define('full', both)),
  ...each('Equal NotEqual Less LessEqual Greater GreaterEqual', define('follow', both, { output: BOOL })),
  ...each('LogicalAnd LogicalOr', define('follow', both, { types: {}, output: BOOL })),
  LogicalNot: define('follow', same(), { types: {}, output: BOOL }),
  ...each('IsNan IsInf IsFinite', define('follow', same(), { output: BOOL })),
  Select: define('follow', same(1), { types: { T: 1 } }),
  SelectV2: define('follow', both, { types: { T: 1 } }),
  AddN: define('follow', same()),
  Cast: define('follow', same(), { types: { SrcT: 0 }, output: (call) => typeOf(call, 'DstT', input(call, 0).type) }),
  // Gradients, of (gradient, forward value) or (forward value, gradient).
  ...each('ReluGrad Relu6Grad LeakyReluGrad EluGrad SeluGrad', define([1, 0], same())),
  ...each('SigmoidGrad TanhGrad', define([0, 1], same())),
  ...each('SoftplusGrad SqrtGrad RsqrtGrad ReciprocalGrad', define('full', same())),
};

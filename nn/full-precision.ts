import { type Tensor, tf } from './engine.ts';
import { hasNativeKernels, rawOp1 } from './raw-op.ts';

/**
 * The same values, in float32 from here on where a program computes in bfloat16 (tfjs itself knows no other floating-point
 * type, so that nothing happens when computed eagerly). For what must not be rounded: a loss of logits, a sum of many terms.
 */
export function fullPrecision<T extends Tensor>(x: T): T {
  if (!hasNativeKernels()) return x;
  const op = tf.customGrad((...inputs) => {
    const [input] = inputs as unknown as [Tensor];
    const attributes = { SrcT: { dtype: 'float32' }, DstT: { dtype: 'float32' } } as const;
    return { value: rawOp1('Cast', attributes, [input]), gradFunc: (dy: Tensor) => dy };
  });
  return op(x) as T;
}

import { BFLOAT16, type DataType, FLOAT, isFloating } from './data-types.ts';
import type { Graph, Value } from './graph.ts';
import type { Precision } from './ops/definition.ts';

/** What a program computes convolutions and products in. Weights, losses and statistics are float32 in both. */
export type ComputePrecision = 'float32' | 'bfloat16';

/**
 * The type that inputs which follow each other meet in: float32 as soon as one computed input is. Weights and constants
 * have no say, unless there is nothing else.
 */
function common(inputs: readonly Value[]): DataType {
  const floating = inputs.filter(({ type }) => isFloating(type));
  const computed = floating.filter(({ weight, constant }) => !weight && constant === null);
  const deciding = computed.length > 0 ? computed : floating;
  return deciding.some(({ type }) => type === FLOAT) ? FLOAT : BFLOAT16;
}

/**
 * The inputs in the types that the op wants, casts inserted where they differ (mixed precision as PyTorch's autocast,
 * Micikevicius et al., arXiv:1710.03740; bfloat16 needs no loss scaling).
 */
export function castInputs(
  graph: Graph,
  inputs: readonly Value[],
  precision: Precision,
  compute: ComputePrecision,
): readonly Value[] {
  if (compute === 'float32') return inputs;
  const to = (type: DataType) => (value: Value) => (isFloating(value.type) ? graph.cast(value, type) : value);
  if (precision === 'low') return inputs.map(to(BFLOAT16));
  if (precision === 'full') return inputs.map(to(FLOAT));
  if (precision === 'follow') return inputs.map(to(common(inputs)));
  const leading = inputs[precision[0] as number] as Value;
  return inputs.map((value, i) => to(precision.includes(i) ? leading.type : FLOAT)(value));
}

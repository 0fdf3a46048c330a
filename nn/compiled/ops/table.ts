import { CONVOLUTIONS } from './convolutions.ts';
import type { OpDefinition, OpTable } from './definition.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { MOVING } from './moving.ts';
import { NORMALIZATION } from './normalization.ts';
import { REDUCTIONS } from './reductions.ts';

/** Every TensorFlow op that a compiled program may compute with. */
export const OPS: OpTable = { ...ELEMENTWISE, ...MOVING, ...REDUCTIONS, ...CONVOLUTIONS, ...NORMALIZATION };

/** The definition of an op, or null where it has none. */
export function definitionOf(op: string): OpDefinition | null {
  return Object.hasOwn(OPS, op) ? (OPS[op] as OpDefinition) : null;
}

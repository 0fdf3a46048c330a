import { type Scalar, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { lossOf } from '@voxhelm/nn/losses/loss-of';
import { z } from 'zod';
import { channelsFirst, channelsLast, formulaValues, sizeOf } from '../formula.ts';
import { type ParityRow, parityRow } from '../row.ts';

const Options = z.record(z.string(), z.unknown());

const Reference = z.object({
  kind: z.literal('losses'),
  logits: z.object({
    shape: z.array(z.number()),
    k: z.number(),
    scale: z.number(),
    rule: z.literal('scale*u').optional(),
  }),
  label: z.object({
    shape: z.array(z.number()),
    k: z.number(),
    classes: z.number(),
    rule: z.literal('min(floor((u+0.5)*classes), classes-1)').optional(),
    zeroed: z.array(z.object({ item: z.number(), class: z.number() })).default([]),
  }),
  common: Options,
  cases: z.array(
    z.object({
      loss: z.string(),
      options: Options,
      value: z.number(),
      gradient_l2: z.number().optional(),
      gradient: z.object({ l2: z.number(), index: z.array(z.number()), value: z.array(z.number()) }),
    }),
  ),
});
type Reference = z.infer<typeof Reference>;

/** Class indices; a zeroed class of an item becomes background. */
function labels({ shape, k, classes, zeroed }: Reference['label']): Int32Array {
  const u = formulaValues(sizeOf(shape), k);
  const values = Int32Array.from(u, (value) => Math.min(Math.floor((value + 0.5) * classes), classes - 1));
  const perItem = sizeOf(shape.slice(1));
  for (const { item, class: zero } of zeroed) {
    for (let i = item * perItem; i < (item + 1) * perItem; i++) if (values[i] === zero) values[i] = 0;
  }
  return values;
}

/** The common options of all cases, without those that a class does not take. */
function optionsOf(reference: Reference, loss: string, own: Record<string, unknown>): Record<string, unknown> {
  const { softmax, sigmoid, ...common } = reference.common;
  const activation = { ...(softmax === undefined ? {} : { softmax }), ...(sigmoid === undefined ? {} : { sigmoid }) };
  // FocalLoss works on logits; its own option is use_softmax.
  return loss === 'FocalLoss' ? { ...common, ...own } : { ...activation, ...common, ...own };
}

/** A difference as a fraction of a size; none is none, also of 0 (a softmax of one class has a loss of 0). */
function share(difference: number, size: number): number {
  return difference === 0 ? 0 : difference / Math.abs(size);
}

/** Checks value and gradient by the logits of each case. Throws `invalid-request` naming a loss or option not known. */
export async function check(reference: unknown, _dataDir: string): Promise<ParityRow[]> {
  const parsed = Reference.parse(reference);
  const { shape, k, scale } = parsed.logits;
  const [batch = 1, channels = 1, ...space] = shape;
  const logits = channelsLast(formulaValues(sizeOf(shape), k, scale), shape);
  const classes = labels(parsed.label);
  return parsed.cases.flatMap((example) => {
    const loss = lossOf({ name: example.loss, options: optionsOf(parsed, example.loss, example.options) });
    const { value, gradient } = tf.tidy(() => {
      const x = tf.tensor(logits, [batch, ...(space as [number, number, number]), channels]) as Tensor5D;
      const y = tf.tensor(classes, [batch, ...space] as number[], 'int32');
      const computed = tf.valueAndGrad((input) => loss(input as Tensor5D, y) as Scalar)(x);
      return {
        value: computed.value.dataSync()[0] as number,
        gradient: channelsFirst(computed.grad.dataSync() as Float32Array, shape),
      };
    });
    const worst = Math.max(
      ...example.gradient.index.map((at, i) =>
        Math.abs((gradient[at] as number) - (example.gradient.value[i] as number)),
      ),
    );
    const name = `${example.loss} ${JSON.stringify(example.options)}`;
    return [
      parityRow(`${name} value (relative)`, share(Math.abs(value - example.value), example.value), 1e-5),
      parityRow(`${name} gradient (of its norm)`, share(worst, example.gradient.l2), 1e-4),
    ];
  });
}

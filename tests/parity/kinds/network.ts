import { networkOf } from '@voxhelm/algorithms/networks';
import { type Scalar, type Tensor, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { valueAndGradients } from '@voxhelm/nn/gradients';
import { initialValues } from '@voxhelm/nn/initialize';
import { isTrained, type Network, type Parameters } from '@voxhelm/nn/network';
import { disposeParameters, toParameters } from '@voxhelm/nn/weights';
import { z } from 'zod';
import { channelsFirst, channelsLast, formulaValues, l2, sizeOf } from '../formula.ts';
import { type ParityRow, parityRow } from '../row.ts';

const Output = z.object({
  shape: z.array(z.number()),
  std: z.number(),
  l2: z.number(),
  index: z.array(z.number()),
  value: z.array(z.number()),
});

const Reference = z.object({
  kind: z.literal('network'),
  note: z.looseObject({ class: z.string() }),
  input: z.object({ shape: z.array(z.number()), k: z.number(), rule: z.string() }),
  parameters: z.array(z.object({ k: z.number(), name: z.string(), shape: z.array(z.number()), rule: z.string() })),
  parameter_count: z.number(),
  /** Shapes of what the original's state dict has beside the parameters. */
  buffers: z.record(z.string(), z.array(z.number())).default({}),
  outputs: z.array(Output),
  loss: z.object({ rule: z.literal('sum over outputs of mean(output^2)'), value: z.number() }),
  gradient_l2: z.record(z.string(), z.number()),
});
type Reference = z.infer<typeof Reference>;
type ParameterRule = Reference['parameters'][number];

/** Values of a parameter in PyTorch's layout by its rule ("scale: 1+0.2*u", "bias: 0.2*u", "weight: u*2/sqrt(fan)"). */
function parameterValues({ k, shape, rule }: ParameterRule): Float32Array {
  const length = sizeOf(shape);
  if (rule.startsWith('scale')) return formulaValues(length, k, 0.2, 1);
  if (rule.startsWith('bias')) return formulaValues(length, k, 0.2);
  if (rule.startsWith('weight')) return formulaValues(length, k, 2 / Math.sqrt(sizeOf(shape.slice(1))));
  throw new Error(`the parameter rule "${rule}" is not known`);
}

function structureRows(network: Network, reference: Reference): ParityRow[] {
  const described = (name: string, shape: readonly number[]): string => `${name} ${shape.join('x')}`;
  const specs = network.specs.filter(isTrained);
  const ours = specs.map(({ name, shape }) => described(name, shape));
  const theirs = reference.parameters.map(({ name, shape }) => described(name, shape));
  const different = theirs.filter((line, i) => ours[i] !== line).length + Math.abs(ours.length - theirs.length);
  const total = specs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
  const statistics = network.specs.filter((spec) => !isTrained(spec)).map(({ name, shape }) => described(name, shape));
  const stored = [...(network.stateDict?.buffers() ?? [])].map(([name, { shape }]) => described(name, shape));
  const buffers = new Set([...statistics, ...stored]);
  const expected = Object.entries(reference.buffers).map(([name, shape]) => described(name, shape));
  const missing = expected.filter((line) => !buffers.has(line)).length;
  return [
    parityRow('parameter names and shapes (differing)', different, 0),
    parityRow('parameter count (difference)', Math.abs(total - reference.parameter_count), 0),
    parityRow('buffers (differing)', missing + Math.abs(buffers.size - expected.length + missing), 0),
  ];
}

interface Computed {
  readonly outputs: { readonly shape: number[]; readonly values: Float32Array }[];
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, number>;
}

function compute(network: Network, parameters: Parameters, reference: Reference): Computed {
  const [batch = 1, channels = 1, ...space] = reference.input.shape;
  const factor = Number(/^([\d.]+)\*u$/.exec(reference.input.rule)?.[1] ?? Number.NaN);
  const input = channelsLast(
    formulaValues(sizeOf(reference.input.shape), reference.input.k, factor),
    reference.input.shape,
  );
  const trained = network.specs.filter(isTrained).map(({ name }) => name);
  const outputs: Computed['outputs'] = [];
  return tf.tidy(() => {
    const x = tf.tensor(input, [batch, ...(space as [number, number, number]), channels]) as Tensor5D;
    const { value, gradients } = valueAndGradients(
      (...tensors) => {
        const current = new Map([...parameters, ...trained.map((name, i) => [name, tensors[i] as Tensor] as const)]);
        const logits = network.forward(current, x, { training: true, seed: null });
        for (const head of logits) {
          const [b, sx, sy, sz, c] = head.shape;
          const shape = [b, c, sx, sy, sz];
          outputs.push({ shape, values: channelsFirst(head.dataSync() as Float32Array, shape) });
        }
        return tf.addN(logits.map((head) => tf.mean(tf.square(head)))) as Scalar;
      },
      trained.map((name) => parameters.get(name) as Tensor),
    );
    const computed: Computed = {
      outputs,
      loss: value.dataSync()[0] as number,
      gradients: new Map(trained.map((name, i) => [name, l2((gradients[i] as Tensor).dataSync())])),
    };
    return computed as never;
  }) as Computed;
}

function outputRows(computed: Computed, reference: Reference): ParityRow[] {
  const rows = [
    parityRow('number of outputs (difference)', Math.abs(computed.outputs.length - reference.outputs.length), 0),
  ];
  reference.outputs.forEach((expected, i) => {
    const ours = computed.outputs[i];
    const sameShape = ours?.shape.join() === expected.shape.join();
    let worst = sameShape ? 0 : Number.POSITIVE_INFINITY;
    if (ours !== undefined && sameShape) {
      expected.index.forEach((at, n) => {
        worst = Math.max(worst, Math.abs((ours.values[at] as number) - (expected.value[n] as number)) / expected.std);
      });
      worst = Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst;
    }
    rows.push(parityRow(`output ${i} (of its standard deviation)`, worst, 1e-4));
  });
  return rows;
}

function gradientRows(computed: Computed, reference: Reference): ParityRow[] {
  const expected = Object.entries(reference.gradient_l2);
  // Where both are noise (a bias ahead of a norm) their ratio says nothing.
  const noise = 1e-7 * Math.max(...expected.map(([, norm]) => norm));
  const errors = expected.map(([name, norm]) => {
    const ours = computed.gradients.get(name) ?? Number.NaN;
    if (ours < noise && norm < noise) return 0;
    // Where ours is 0 by algebra, theirs is rounding noise alone: up to 1.6e-7 of the largest norm in nnU-Net's files.
    if (ours === 0 && norm < 2 * noise) return 0;
    return Math.abs(ours - norm) / norm;
  });
  const sorted = [...errors].sort((a, b) => a - b);
  const surplus = [...computed.gradients].filter(([name, norm]) => !(name in reference.gradient_l2) && norm > 0).length;
  return [
    parityRow('gradient norms, largest error', errors.some(Number.isNaN) ? Number.NaN : (sorted.at(-1) ?? 0), 5e-3),
    parityRow('gradient norms, median error', sorted[Math.floor(sorted.length / 2)] ?? 0, 5e-4),
    parityRow('gradients where the reference has none', surplus, 0),
  ];
}

/**
 * The class of "monai.networks.nets.SegResNetDS" or "dynamic_network_architectures PlainConvUNet"; of "...DiNTS over
 * TopologySearch" the space besides.
 */
function classOf(described: string): { name: string; options: Record<string, unknown> } {
  const [, name = described, space] = /(\w+)(?: over (\w+))?$/.exec(described) ?? [];
  return { name, options: space === undefined ? {} : { dints_space: space } };
}

/**
 * Checks a network of the class and options that the reference names. Throws `invalid-request` naming a class that no
 * algorithm brings.
 */
export async function check(reference: unknown, _dataDir: string): Promise<ParityRow[]> {
  const parsed = Reference.parse(reference);
  const { class: described, ...options } = parsed.note;
  const { name, options: more } = classOf(described);
  const network = networkOf({ class: name, options: { ...options, ...more } });
  const rows = structureRows(network, parsed);
  if (rows.some((row) => !row.ok)) return rows;
  const byName = new Map(parsed.parameters.map((rule) => [rule.name, rule]));
  // The references were computed in training mode, in which a norm goes by the batch: running statistics have no say.
  const parameters = toParameters(network, (spec) =>
    isTrained(spec) ? parameterValues(byName.get(spec.name) as ParameterRule) : initialValues(spec, 0),
  );
  try {
    const computed = compute(network, parameters, parsed);
    const loss = Math.abs(computed.loss - parsed.loss.value) / Math.abs(parsed.loss.value);
    return [
      ...rows,
      ...outputRows(computed, parsed),
      parityRow('loss (relative)', loss, 1e-5),
      ...gradientRows(computed, parsed),
    ];
  } finally {
    disposeParameters(parameters);
  }
}

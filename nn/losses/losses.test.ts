import { expect, test } from 'vitest';
import { memoryTensors, type Tensor, type Tensor5D, tf } from '../engine.ts';
import { crossEntropyLoss } from './cross-entropy.ts';
import { deepSupervision } from './deep-supervision.ts';
import { diceLoss } from './dice.ts';
import { lossOf, lossOfPlan } from './loss-of.ts';
import type { Loss, LossOptions } from './options.ts';

/*
 * The numbers of every loss are held to MONAI's in tests/parity; here what the fused ways must hold beside that.
 */

const CLASSES = 4;

function example(spread = 3): { logits: Tensor5D; classes: Tensor } {
  const logits = tf.randomNormal([2, 5, 6, 7, CLASSES], 0, spread, 'float32', 7) as Tensor5D;
  const classes = tf.floor(tf.randomUniform([2, 5, 6, 7], 0, CLASSES, 'float32', 8)).toInt();
  return { logits, classes };
}

function valueAndGradient(loss: Loss, logits: Tensor5D, classes: Tensor): { value: number; gradient: number[] } {
  const { value, grad } = tf.valueAndGrad((x) => loss(x as Tensor5D, classes))(logits);
  return { value: value.dataSync()[0] as number, gradient: [...grad.dataSync()] };
}

function close(a: readonly number[], b: readonly number[], tolerance: number): void {
  const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  expect(a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0)).toBeLessThan(tolerance * largest);
}

const VARIANTS: readonly LossOptions[] = [
  {},
  { squared_pred: true, smooth_nr: 0 },
  { include_background: false, jaccard: true },
  { batch: true, reduction: 'sum' },
];

test.each(VARIANTS)('Dice and cross entropy over one softmax are Dice plus cross entropy: %j', (options) => {
  const { logits, classes } = example();
  const extra = { lambda_dice: 0.7, lambda_ce: 1.3, label_smoothing: 0.1 };
  const together = lossOf({ name: 'DiceCELoss', options: { ...options, ...extra, softmax: true } });
  const dice = diceLoss({ ...options, softmax: true });
  const entropy = crossEntropyLoss({ label_smoothing: 0.1, reduction: options['reduction'] ?? 'mean' });
  const apart: Loss = (x, t) => tf.add(tf.mul(dice(x, t), 0.7), tf.mul(entropy(x, t), 1.3));
  const [a, b] = [together, apart].map((loss) => valueAndGradient(loss, logits, classes)) as [
    ReturnType<typeof valueAndGradient>,
    ReturnType<typeof valueAndGradient>,
  ];
  expect(a.value / b.value).toBeCloseTo(1, 6);
  close(a.gradient, b.gradient, 1e-5);
});

test('its gradient is what finite differences say', () => {
  const { logits, classes } = example(1);
  const loss = lossOf({ name: 'DiceCELoss', options: { softmax: true, squared_pred: true } });
  const { gradient } = valueAndGradient(loss, logits, classes);
  const values = logits.dataSync<'float32'>();
  const at = (i: number, by: number): number => {
    const moved = values.slice();
    moved[i] = (moved[i] as number) + by;
    return loss(tf.tensor(moved, logits.shape) as Tensor5D, classes).dataSync()[0] as number;
  };
  // A step as large as float32 losses need; the loss is smooth.
  for (const i of [0, 101, 555, 1200]) {
    expect((at(i, 0.5) - at(i, -0.5)) / 1).toBeCloseTo(gradient[i] as number, 4);
  }
});

test('logits of any size give finite losses and gradients', () => {
  const { logits, classes } = example(1e4);
  const { value, gradient } = valueAndGradient(
    lossOf({ name: 'DiceCELoss', options: { softmax: true } }),
    logits,
    classes,
  );
  expect(Number.isFinite(value)).toBe(true);
  expect(gradient.every(Number.isFinite)).toBe(true);
});

test('deep supervision leaves no tensor behind', () => {
  const { logits, classes } = example();
  const loss = deepSupervision(lossOf({ name: 'DiceCELoss', options: { softmax: true } }), [1, 0.5]);
  const small = tf.zeros([2, 2, 3, 3, CLASSES]) as Tensor5D;
  const before = memoryTensors();
  const { value, grads } = tf.tidy(() =>
    tf.valueAndGrads((a, b) => loss([a, b] as Tensor5D[], classes))([logits, small]),
  );
  tf.dispose([value, ...grads]);
  expect(memoryTensors()).toBe(before);
});

const ignoringUnlabelled = (loss: Loss): Loss => lossOfPlan(loss, { classes: CLASSES, ignores: true, members: null });

const ALL: readonly { readonly name: string; readonly options: LossOptions }[] = [
  { name: 'DiceLoss', options: { softmax: true } },
  { name: 'DiceCELoss', options: { softmax: true, squared_pred: true, label_smoothing: 0.1 } },
  { name: 'DiceFocalLoss', options: { softmax: true, batch: true, include_background: false } },
  { name: 'GeneralizedDiceLoss', options: { softmax: true } },
  { name: 'TverskyLoss', options: { softmax: true, alpha: 0.3, beta: 0.7 } },
  { name: 'FocalLoss', options: { use_softmax: true } },
];

test.each(ALL)('$name: voxels that nobody labelled are left out as if they were not there', (config) => {
  const { logits, classes } = example();
  // The last planes of every volume are unlabelled: what is left is a smaller volume.
  const [labelled, left] = [tf.slice(classes, [0, 0, 0, 0], [2, 5, 6, 4]), tf.fill([2, 5, 6, 3], 255, 'int32')];
  const some = tf.concat([labelled, left], 3) as Tensor;
  const loss = lossOf(config);
  const whole = valueAndGradient(ignoringUnlabelled(loss), logits, some);
  const part = valueAndGradient(loss, tf.slice(logits, [0, 0, 0, 0, 0], [2, 5, 6, 4, CLASSES]) as Tensor5D, labelled);
  expect(whole.value).toBeCloseTo(part.value, 5);
  const gradient = tf.tensor(whole.gradient, [2, 5, 6, 7, CLASSES]);
  close([...tf.slice(gradient, [0, 0, 0, 0, 0], [2, 5, 6, 4, CLASSES]).dataSync()], part.gradient, 1e-4);
  const ignored = tf.slice(gradient, [0, 0, 0, 4, 0], [2, 5, 6, 3, CLASSES]).dataSync();
  expect(ignored.every((value) => value === 0)).toBe(true);
  // Where every voxel is labelled, it is the loss itself.
  expect(valueAndGradient(ignoringUnlabelled(loss), logits, classes).value).toBeCloseTo(
    valueAndGradient(loss, logits, classes).value,
    5,
  );
});

test('a patch without any labelled voxel has a finite loss and moves nothing', () => {
  const { logits, classes } = example();
  const none = tf.fill(classes.shape, 255, 'int32');
  for (const config of ALL) {
    const { value, gradient } = valueAndGradient(ignoringUnlabelled(lossOf(config)), logits, none);
    expect(Number.isFinite(value)).toBe(true);
    expect(gradient.every((one) => one === 0)).toBe(true);
  }
});

/** Classes 1, 2, 3: the whole has all of them, the core 2 and 3, the inmost 3. */
const MEMBERS = [
  [false, false, false],
  [true, false, false],
  [true, true, false],
  [true, true, true],
];

test('groups of labels: a sigmoid each, Dice and binary cross entropy of each as if it stood alone', () => {
  const { classes } = example();
  const logits = tf.randomNormal([2, 5, 6, 7, 3], 0, 2, 'float32', 9) as Tensor5D;
  const groups = lossOfPlan(lossOf({ name: 'DiceCELoss', options: { sigmoid: true } }), {
    classes: CLASSES,
    ignores: false,
    members: MEMBERS,
  });
  const alone = lossOf({ name: 'DiceCELoss', options: { sigmoid: true } });
  const single = [1, 2, 3].map((least, group) => {
    const mask = tf.cast(tf.greaterEqual(classes, least), 'int32');
    return alone(tf.slice(logits, [0, 0, 0, 0, group], [2, 5, 6, 7, 1]) as Tensor5D, mask).dataSync()[0] as number;
  });
  const mean = single.reduce((sum, value) => sum + value / 3, 0);
  expect(groups(logits, classes).dataSync()[0]).toBeCloseTo(mean, 4);
  const { gradient } = valueAndGradient(groups, logits, classes);
  expect(gradient.every(Number.isFinite)).toBe(true);
});

test('groups of labels leave out what nobody labelled', () => {
  const { classes } = example();
  const logits = tf.randomNormal([2, 5, 6, 7, 3], 0, 2, 'float32', 9) as Tensor5D;
  const plan = { classes: CLASSES, ignores: true, members: MEMBERS };
  const labelled = tf.slice(classes, [0, 0, 0, 0], [2, 5, 6, 4]);
  const some = tf.concat([labelled, tf.fill([2, 5, 6, 3], 255, 'int32')], 3) as Tensor;
  for (const name of ['DiceCELoss', 'DiceFocalLoss']) {
    const loss = lossOfPlan(lossOf({ name, options: { sigmoid: true } }), plan);
    const part = loss(tf.slice(logits, [0, 0, 0, 0, 0], [2, 5, 6, 4, 3]) as Tensor5D, labelled);
    expect(loss(logits, some).dataSync()[0]).toBeCloseTo(part.dataSync()[0] as number, 4);
  }
});

test.each([
  ['DiceLoss', 'reduction', 'none'],
  ['DiceCELoss', 'reduction', 'none'],
  ['DiceCELoss', 'soft_label', true],
  ['DiceCELoss', 'ignore_index', 0],
  ['DiceCELoss', 'lambda_ce', -1],
  ['DiceFocalLoss', 'use_softmax', true],
  ['DiceFocalLoss', 'weight', [1, -1, 1, 1]],
  ['DiceLoss', 'other_act', 'tanh'],
  ['DiceLoss', 'soft_label', true],
  ['GeneralizedDiceLoss', 'weight', [1, 2]],
  ['GeneralizedDiceLoss', 'w_type', 'cubic'],
  ['TverskyLoss', 'ignore_index', 0.5],
  ['FocalLoss', 'softmax', true],
  ['FocalLoss', 'alpha', 'half'],
])('%s refuses %s = %j by its name', (name, option, value) => {
  expect(() => lossOf({ name, options: { [option]: value } })).toThrow(option);
});

test('what depends on the number of classes is refused with the batch', () => {
  const { logits, classes } = example();
  const refused = (name: string, options: LossOptions) =>
    expect(() => tf.tidy(() => lossOf({ name, options })(logits, classes))).toThrow(Object.keys(options).at(-1));
  refused('DiceCELoss', { softmax: true, weight: [1, 2] });
  refused('DiceLoss', { softmax: true, weight: [1, 2, 3, 4, 5] });
  refused('FocalLoss', { alpha: [0.5] });
  refused('DiceLoss', { softmax: true, to_onehot_y: false });
});

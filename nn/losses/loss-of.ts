import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Scalar, tf } from '../engine.ts';
import { crossEntropyLoss } from './cross-entropy.ts';
import { DICE_OPTIONS, diceLoss, generalizedDiceLoss, isFusible, softmaxDiceCe, tverskyLoss } from './dice.ts';
import { focalLoss } from './focal.ts';
import { booleanOption, checkOptions, type Loss, type LossOptions, numbersOption, weightOption } from './options.ts';
import { groupTargets, isTargets, validVoxels } from './overlap.ts';

/*
 * The losses by MONAI's class names.
 */

function pick(options: LossOptions, names: readonly string[]): LossOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}

function weighted(first: Loss, firstWeight: number, second: Loss, secondWeight: number): Loss {
  return (logits, classes, valid) =>
    tf.add(
      tf.mul(first(logits, classes, valid), firstWeight),
      tf.mul(second(logits, classes, valid), secondWeight),
    ) as Scalar;
}

/** Options of Dice plus another loss, which both have. */
const SHARED = ['include_background', 'reduction', 'weight', 'to_onehot_y'];

/** Without the background its own weight counts for the cross entropy alone. */
function diceWeights(options: LossOptions): LossOptions {
  const weight = numbersOption(options, 'weight');
  if (weight === null || typeof weight === 'number' || booleanOption(options, 'include_background', true))
    return options;
  return { ...options, weight: weight.length > 1 ? weight.slice(1) : null };
}

/** Dice plus cross entropy; the cross entropy is over all classes also where Dice leaves the background out. */
function diceCeLoss(options: LossOptions): Loss {
  checkOptions('DiceCELoss', options, [...DICE_OPTIONS, 'lambda_dice', 'lambda_ce', 'label_smoothing']);
  const dice = weightOption(options, 'lambda_dice', 1);
  const crossEntropy = weightOption(options, 'lambda_ce', 1);
  const labelSmoothing = weightOption(options, 'label_smoothing', 0);
  const overlap = diceLoss(pick(diceWeights(options), [...DICE_OPTIONS, ...SHARED]));
  const apart = weighted(overlap, dice, crossEntropyLoss(options), crossEntropy);
  const together = softmaxDiceCe(options, { dice, crossEntropy, labelSmoothing });
  return (logits, classes, valid) =>
    valid == null && !isTargets(classes) && isFusible(options, logits.shape[4])
      ? together(logits, classes)
      : apart(logits, classes, valid);
}

/** Dice plus focal; the focal loss is of sigmoids also where Dice is of softmax, without background where Dice is. */
function diceFocalLoss(options: LossOptions): Loss {
  checkOptions('DiceFocalLoss', options, [...DICE_OPTIONS, 'lambda_dice', 'lambda_focal', 'gamma', 'alpha']);
  return weighted(
    diceLoss(pick(options, [...DICE_OPTIONS, ...SHARED])),
    weightOption(options, 'lambda_dice', 1),
    focalLoss(pick(options, [...SHARED, 'gamma', 'alpha'])),
    weightOption(options, 'lambda_focal', 1),
  );
}

const LOSSES: Readonly<Record<string, (options: LossOptions) => Loss>> = {
  DiceLoss: diceLoss,
  DiceCELoss: diceCeLoss,
  DiceFocalLoss: diceFocalLoss,
  FocalLoss: focalLoss,
  GeneralizedDiceLoss: generalizedDiceLoss,
  TverskyLoss: tverskyLoss,
};

/**
 * The loss of MONAI's class name and option names, with MONAI's defaults. Throws `invalid-request` naming a class or an
 * option that is not known.
 */
export function lossOf(config: { readonly name: string; readonly options: LossOptions }): Loss {
  const make = Object.hasOwn(LOSSES, config.name) ? LOSSES[config.name] : undefined;
  if (make === undefined) {
    throw new VoxhelmError('invalid-request', `the loss ${config.name} is not implemented`, {
      fix: `Use one of ${Object.keys(LOSSES).join(', ')}.`,
      details: { name: config.name },
    });
  }
  return make(config.options);
}

/** What of a plan its targets are made of, beside the class indices. */
export interface TargetPlan {
  /** Number of label values, background included. */
  readonly classes: number;
  /** True where some voxels have no class: their index is beyond the classes. */
  readonly ignores: boolean;
  /** Of each class by its index, whether it belongs to each group that the network tells apart; null: classes exclude each other. */
  readonly members: readonly (readonly boolean[])[] | null;
}

/** A loss against class indices as a plan means them. */
export function lossOfPlan(loss: Loss, { classes, ignores, members }: TargetPlan): Loss {
  if (!ignores && members === null) return loss;
  return (logits, indices) =>
    loss(
      logits,
      members === null ? indices : groupTargets(indices, members),
      ignores ? validVoxels(indices, classes) : null,
    );
}

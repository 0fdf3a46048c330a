import type { StopEarly } from '@voxhelm/contracts/plan';

/*
 * Early stopping by the slope of the validation curve. Pure, so that a resumed training decides as one that never stopped.
 */

/** Step and mean Dice of one validation. */
export type CurvePoint = readonly [step: number, dice: number];

/** Slope of the least-squares line through points, and its standard error (of Dice per step). */
function slopeOf(points: readonly CurvePoint[]): { slope: number; error: number } {
  const count = points.length;
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / count;
  const [meanStep, meanDice] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [step]) => sum + (step - meanStep) ** 2, 0);
  const slope = points.reduce((sum, [step, dice]) => sum + (step - meanStep) * (dice - meanDice), 0) / spread;
  const residuals = points.reduce((sum, [step, dice]) => sum + (dice - meanDice - slope * (step - meanStep)) ** 2, 0);
  return { slope, error: Math.sqrt(residuals / (count - 2) / spread) };
}

/**
 * Why a training may end at its latest validation, or null: where the line through the last validations, taken a standard
 * error steeper than it is, promises less than `leastGain` over the steps that are left.
 */
export function flatCurve(settings: StopEarly | null, steps: number, curve: readonly CurvePoint[]): string | null {
  const [last] = curve.at(-1) ?? [0];
  if (settings === null || last >= steps || last < settings.fromShare * steps) return null;
  if (curve.length < settings.validations) return null;
  const { slope, error } = slopeOf(curve.slice(-settings.validations));
  const gain = (slope + error) * (steps - last);
  if (gain >= settings.leastGain) return null;
  const promised = Math.max(0, gain).toFixed(4);
  return `the curve is flat: the last ${settings.validations} validations promise ${promised} more Dice over the ${steps - last} steps that are left`;
}

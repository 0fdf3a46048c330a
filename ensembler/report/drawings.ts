import { plannerOf } from '@voxhelm/algorithms/planners';
import type { Plan } from '@voxhelm/contracts/plan';
import type { Drawing } from './page.ts';

/** A trained model, for its picture. */
export interface Drawable {
  readonly trialId: string;
  readonly algorithm: string;
  readonly fold: number;
  readonly planContent: Plan;
}

/**
 * What the plans of trained models have to draw, also of those that were not taken into the ensemble: what a search found is
 * worth a look. Models of one architecture share a picture.
 */
export function drawingsOf(trained: readonly Drawable[], members: readonly Pick<Drawable, 'trialId'>[]): Drawing[] {
  const chosen = new Set(members.map(({ trialId }) => trialId));
  const bySvg = new Map<string, { drawing: Drawing; folds: number[]; isMember: boolean }>();
  for (const { trialId, algorithm, fold, planContent } of trained) {
    const planner = plannerOf(algorithm);
    const drawn = planner.drawing?.(planContent) ?? null;
    if (drawn === null) continue;
    const known = bySvg.get(drawn.svg) ?? {
      drawing: { ...drawn, title: planner.title },
      folds: [],
      isMember: false,
    };
    const isMember = known.isMember || chosen.has(trialId);
    bySvg.set(drawn.svg, { ...known, folds: [...known.folds, fold], isMember });
  }
  return [...bySvg.values()].map(({ drawing, folds, isMember }) => {
    const where = `fold${folds.length === 1 ? '' : 's'} ${[...new Set(folds)].sort((a, b) => a - b).join(', ')}`;
    const what = isMember ? 'in the ensemble' : 'tried, not in the ensemble';
    return { ...drawing, title: `${drawing.title}, ${where}: ${what}` };
  });
}

import { plannerOf } from '@voxhelm/algorithms/planners';
import type { Plan } from '@voxhelm/contracts/plan';
import type { Drawing } from './page.ts';

/** What the members' plans have to draw; members of one architecture share a picture. */
export function drawingsOf(
  members: readonly { readonly algorithm: string; readonly fold: number; readonly planContent: Plan }[],
): Drawing[] {
  const bySvg = new Map<string, { drawing: Drawing; folds: number[] }>();
  for (const { algorithm, fold, planContent } of members) {
    const planner = plannerOf(algorithm);
    const drawn = planner.drawing?.(planContent) ?? null;
    if (drawn === null) continue;
    const known = bySvg.get(drawn.svg) ?? { drawing: { ...drawn, title: planner.title }, folds: [] };
    bySvg.set(drawn.svg, { ...known, folds: [...known.folds, fold] });
  }
  return [...bySvg.values()].map(({ drawing, folds }) => {
    const where = `fold${folds.length === 1 ? '' : 's'} ${[...new Set(folds)].sort((a, b) => a - b).join(', ')}`;
    return { ...drawing, title: `${drawing.title}, ${where}` };
  });
}

import type { SearchInsight } from '@voxhelm/contracts/insight';
import { diceText } from './format.ts';

/** A search for the terminal: its trials, the best one's point, and what mattered. */
export function searchReport({ sampler, pruner, plannedTrials, best, history, importance }: SearchInsight): string {
  const lines = [
    `sampler ${sampler} · pruner ${pruner} · ${history.length}${plannedTrials === null ? '' : ` of ${plannedTrials}`} trials`,
    '',
  ];
  for (const { number, algorithm, state, value, step, source } of history) {
    const mark = number === best?.number ? '*' : ' ';
    lines.push(
      `${mark} ${String(number + 1).padStart(4)}  ${algorithm.padEnd(12)} ${state.padEnd(10)} Dice ${diceText(value)}  ${step} steps  ${source ?? ''}`.trimEnd(),
    );
  }
  if (best !== null) {
    lines.push('', `best: trial ${best.number + 1}, Dice ${diceText(best.value)}`);
    for (const [path, value] of Object.entries(best.point)) lines.push(`  ${path} = ${shown(value)}`);
  }
  if (importance.length > 0) lines.push('', 'what decided (share, 90 % interval)');
  for (const { path, importance: share, low, high } of importance) {
    lines.push(`  ${percent(share)}  ${percent(low)}..${percent(high)}  ${path}`);
  }
  return lines.join('\n');
}

function shown(value: number | string | boolean): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);
}

function percent(share: number): string {
  return `${String(Math.round(share * 100)).padStart(3)} %`;
}

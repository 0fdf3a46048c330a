import type { RunView } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { timeLeft } from '../format.ts';

/** Time left as an interval, or why nobody knows it. */
export function timeLeftInWords({ state, stage, etaRangeSeconds }: RunView): string {
  if (etaRangeSeconds !== null) return timeLeft(etaRangeSeconds);
  if (FINAL_RUN_STATES.includes(state)) return 'none: it is over';
  if (state === 'paused' || state === 'pausing') return 'told when it is resumed';
  if (state === 'cancelling') return 'none: it ends';
  if (state === 'queued' || stage === 'queued') return 'told when it has begun';
  return 'told when its first trainings are timed';
}

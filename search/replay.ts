import type { AskRecord } from '@voxhelm/contracts/trial';
import type { Proposal } from './samplers/sampler.ts';
import { type NextTrial, nextTrial, type Study, type StudyTrial } from './study.ts';

/*
 * What an ask saw, short enough to lie beside its trial, so that it can be made again at any later time.
 */

const OPEN: readonly StudyTrial['state'][] = ['waiting', 'running'];

/** Whole numbers, ascending, as [first, last] of each gapless stretch. */
function stretches(numbers: readonly number[]): [number, number][] {
  const result: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else result.push([number, number]);
  }
  return result;
}

/** Records what an ask for trial `number` of this study sees, and the rule that answered. */
export function recordAsk(study: Study, number: number, { source }: Proposal): AskRecord {
  const others = study.trials.filter((trial) => trial.number !== number);
  const isOpen = ({ state }: StudyTrial) => OPEN.includes(state);
  return {
    version: 1,
    source,
    told: stretches(others.filter((trial) => !isOpen(trial)).map((trial) => trial.number)),
    pending: stretches(others.filter(isOpen).map((trial) => trial.number)),
  };
}

/**
 * Makes an ask of the past again, from the study as it is now and what the ask saw; null where there is nothing to try, which
 * no recorded ask was answered.
 */
export function replayAsk(study: Study, number: number, { told, pending }: AskRecord): NextTrial | null {
  const within = (ranges: AskRecord['told'], at: number) => ranges.some(([first, last]) => at >= first && at <= last);
  const trials = study.trials.flatMap((trial): StudyTrial[] => {
    if (within(told, trial.number)) return [trial];
    if (within(pending, trial.number)) return [{ ...trial, state: 'running', value: null, reports: [] }];
    return [];
  });
  return nextTrial({ ...study, trials }, number);
}

import { budgetOf, SMALLEST_BUDGET_MS } from '@voxhelm/contracts/run';
import type { FiringFindings, RetrainingStart, ScheduleTrigger } from '@voxhelm/contracts/schedule';
import { wallBudgetMs } from '@voxhelm/search/budget';

/** Whether a firing retrains, and why or why not in one sentence. */
export interface FiringDecision {
  readonly retrain: boolean;
  readonly reason: string;
}

/** What a decision goes by beside the findings. */
export interface FiringCircumstances {
  /** Asked for by hand: whatever was found. */
  readonly forced: boolean;
  readonly hasChampion: boolean;
  /** Why what was found is not tried again (again.ts); null where it may be. */
  readonly notAgain: string | null;
}

type Found = Pick<FiringFindings, 'newCases' | 'correctedCases' | 'drift'>;

/** Decides by a schedule's trigger. A dataset without a champion is trained on at the first firing, whatever the trigger. */
export function decideFiring(
  trigger: ScheduleTrigger,
  findings: Found,
  circumstances: FiringCircumstances,
): FiringDecision {
  const decision = decideByTrigger(trigger, findings, circumstances);
  const { forced, notAgain } = circumstances;
  if (!decision.retrain || forced || notAgain === null) return decision;
  return { retrain: false, reason: `${decision.reason} ${notAgain}` };
}

function decideByTrigger(
  trigger: ScheduleTrigger,
  findings: Found,
  { forced, hasChampion }: FiringCircumstances,
): FiringDecision {
  const changed = findings.newCases.length + findings.correctedCases.length;
  const cases = describeCases(findings);
  if (forced) return { retrain: true, reason: `Triggered by hand (${cases}).` };
  if (!hasChampion) return { retrain: true, reason: 'The dataset has no champion yet.' };
  switch (trigger.kind) {
    case 'cron':
    case 'interval':
      if (changed === 0) return { retrain: false, reason: `Due, but there is nothing to learn from: ${cases}.` };
      return { retrain: true, reason: `Due, with ${cases}.` };
    case 'cases':
      return changed >= trigger.count
        ? { retrain: true, reason: `${cases}; ${trigger.count} were waited for.` }
        : { retrain: false, reason: `${cases}; waiting for ${trigger.count}.` };
    case 'drift':
      return decideDrift(trigger, findings, changed);
  }
}

function decideDrift(
  { limit, leastCases }: Extract<ScheduleTrigger, { kind: 'drift' }>,
  findings: Found,
  changed: number,
): FiringDecision {
  const [farthest] = findings.drift;
  if (changed < leastCases || farthest === undefined) {
    return { retrain: false, reason: `${describeCases(findings)}; drift is measured from ${leastCases} on.` };
  }
  const outside = farthest.outside ? `, ${Math.round(100 * farthest.outside)} % of the cases outside` : '';
  const numbers = `${farthest.feature}: ${farthest.found.toPrecision(4)}, trained on ${farthest.trained.toPrecision(4)}${outside}`;
  const distance = farthest.distance.toFixed(2);
  return farthest.distance > limit
    ? { retrain: true, reason: `Drift ${distance} passes the limit ${limit} (${numbers}).` }
    : { retrain: false, reason: `Drift ${distance} is within the limit ${limit} (${numbers}).` };
}

function describeCases({ newCases, correctedCases }: Pick<FiringFindings, 'newCases' | 'correctedCases'>): string {
  const count = (number: number, word: string): string => `${number} ${word} ${number === 1 ? 'case' : 'cases'}`;
  return `${count(newCases.length, 'new')}, ${count(correctedCases.length, 'corrected')}`;
}

/** Where a challenger's weights start. */
export type Start = 'champion' | 'nothing';

/**
 * The runs of a retraining. `auto` makes one of each start where the budget (of the wall clock, null for none) gives each as
 * much time as the champion's run took, else only one that starts from the champion, which needs less.
 */
export function startsOf(
  start: RetrainingStart,
  champion: { readonly elapsedMs: number } | null,
  budgetMs: number | null,
): readonly Start[] {
  if (champion === null) return ['nothing'];
  if (start === 'champion' || start === 'nothing') return [start];
  if (start === 'both') return ['champion', 'nothing'];
  return budgetMs === null || budgetMs / 2 >= champion.elapsedMs ? ['champion', 'nothing'] : ['champion'];
}

/** A budget as time of the wall clock, milliseconds: trainers' time is spent by so many of them at once. */
export function wallClockMs(budget: string, trainers: number): number {
  const { ms, of } = budgetOf(budget);
  return wallBudgetMs(ms, of, 0, trainers) ?? ms;
}

/** A budget divided among runs, as a request writes it. */
export function shareOfBudget(budget: string, runs: number): string {
  if (runs === 1) return budget;
  const { ms, of } = budgetOf(budget);
  const seconds = Math.floor(Math.max(SMALLEST_BUDGET_MS, ms / runs) / 1000);
  return of === 'wall clock' ? `${seconds}s` : `${seconds / 3600} gpu-hours`;
}

import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ScoreJob, ScoreResult, SuggestJob, SuggestResult } from '@voxhelm/contracts/jobs';
import { scoreBundle } from '@voxhelm/ensembler/score-bundle';
import { suggestCases } from '@voxhelm/ensembler/suggest';
import { type JobContext, residentMemoryMb } from './context.ts';

/** Scores a finished bundle on labelled cases. */
export function score(job: ScoreJob, context: JobContext): Promise<ScoreResult> {
  return scoreBundle(job, context.store, watch(context, 'scoring'));
}

/** Orders unlabelled cases by what their label would tell. */
export function suggest(job: SuggestJob, context: JobContext): Promise<SuggestResult> {
  return suggestCases(job, context.store, watch(context, 'suggesting'));
}

function watch(context: JobContext, phase: string) {
  return {
    step(done: number, total: number): void {
      if (context.signal.aborted)
        throw new VoxhelmError('cancelled', `stopped after ${done} of ${total} cases (${phase})`);
      context.progress({ phase, done, total, memoryMb: residentMemoryMb() });
    },
  };
}

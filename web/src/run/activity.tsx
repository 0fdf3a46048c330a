import type { RunDetail } from '@voxhelm/contracts/api';
import type { JobActivity } from '@voxhelm/contracts/api-live';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { Link } from 'wouter';
import { useActivity } from '../api/run-live.ts';
import { StateBadge } from '../components/state-badge.tsx';
import { useNow } from '../components/use-now.ts';
import { dice, duration } from '../format.ts';

const JOBS: Readonly<Record<JobActivity['job'], string>> = {
  analysis: 'Checking and analysing the dataset',
  probe: 'Measuring a training step on this device',
  training: 'Training',
  ensemble: 'Choosing and testing the ensemble',
  prediction: 'Segmenting an image',
  bookkeeping: 'Recording results',
};

/** What the run's jobs do or wait for now, each with its reason. */
export function Activity({ run }: { readonly run: RunDetail }) {
  const active = !FINAL_RUN_STATES.includes(run.state) && run.state !== 'paused';
  const { data: jobs } = useActivity(run.id, active);
  const now = useNow();
  const shown = (jobs ?? []).filter(({ job }) => job !== 'bookkeeping');
  if (!active || shown.length === 0) return null;
  return (
    <section className="panel" aria-label="Now">
      <h2>Now</h2>
      <ul className="plain">
        {shown.map((job) => (
          <li key={`${job.job} ${job.trialId}`} className="row">
            <StateBadge state={job.state} /> <JobName job={job} run={run} />{' '}
            <span className="muted">{explain(job, now)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function JobName({ job, run }: { readonly job: JobActivity; readonly run: RunDetail }) {
  const trial = run.trials.find(({ id }) => id === job.trialId);
  if (trial === undefined) return <span>{JOBS[job.job]}</span>;
  const { progress } = trial;
  const where =
    progress === null
      ? ''
      : `: ${progress.phase}, step ${progress.step} of ${progress.steps}${progress.bestDice === null ? '' : `, best Dice ${dice(progress.bestDice)}`}`;
  return (
    <span>
      <Link href={`/runs/${run.id}/trials/${trial.id}`}>Trial {trial.number + 1}</Link> ({trial.algorithm}, fold{' '}
      {trial.fold}){where}
    </span>
  );
}

/** A state in a sentence: which attempt, why, when the next. */
export function explain(job: JobActivity, now: number): string {
  const of = job.maximumAttempts > 0 ? ` of ${job.maximumAttempts}` : '';
  if (job.state === 'retrying') {
    const wait = job.nextAttemptAt === null ? null : (Date.parse(job.nextAttemptAt) - now) / 1_000;
    const next =
      wait === null || wait <= 0 ? 'next attempt as soon as a trainer is free' : `next attempt in ${duration(wait)}`;
    return `attempt ${job.attempt}${of}; ${next}. The last one ended: ${job.lastFailure ?? 'its trainer was lost'}`;
  }
  const since = job.since === null ? '' : ` for ${duration((now - Date.parse(job.since)) / 1_000)}`;
  if (job.state === 'waiting') return `waits${since} for a trainer that is free`;
  const attempt = job.attempt > 1 ? `attempt ${job.attempt}${of}, ` : '';
  return `${attempt}${since.trim()} on ${job.worker ?? 'a trainer'}`;
}

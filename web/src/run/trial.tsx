import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { RunDetail, TrialScores, TrialView } from '@voxhelm/contracts/api';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { Link } from 'wouter';
import type { z } from 'zod';
import { get, send } from '../api/client.ts';
import type { MetricStore } from '../api/metric-store.ts';
import { useActivity, useRunEvents } from '../api/run-live.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { useNow } from '../components/use-now.ts';
import { dice, duration, moment, shown } from '../format.ts';
import { explain } from './activity.tsx';
import { PlanTable } from './plans.tsx';
import { scoreColumns } from './score-columns.ts';
import { ScorePlots } from './score-plots.tsx';
import { TrialCurves } from './trial-curves.tsx';
import { TrialLog } from './trial-log.tsx';
import { labelName, trialSeconds } from './trials-table.tsx';
import { useMetricsVersion } from './use-metrics.ts';

interface TrialProps {
  readonly run: RunDetail;
  readonly trialId: string;
  readonly metrics: MetricStore;
}

/** One trial: its point and plan, curves, scores, what happened to it, and why it failed where it did. */
export function TrialPage({ run, trialId, metrics }: TrialProps) {
  useMetricsVersion(metrics);
  const trial = run.trials.find(({ id }) => id === trialId);
  if (trial === undefined) {
    return (
      <Empty title="This run has no such trial.">
        <Link href={`/runs/${run.id}/trials`}>All trials</Link>
      </Empty>
    );
  }
  const plan = run.plans.find(({ algorithm, fold }) => algorithm === trial.algorithm && fold === trial.fold)?.plan;
  return (
    <>
      <div className="page-head">
        <h2>Trial {trial.number + 1}</h2>
        <StateBadge state={trial.state} />
        <Stop run={run} trial={trial} />
      </div>
      {trial.reason !== null && (
        <p className={`note ${trial.state === 'failed' || trial.state === 'diverged' ? 'bad' : ''}`}>{trial.reason}</p>
      )}
      <Now run={run} trial={trial} />
      <dl className="facts columns">
        {facts(run, trial).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h3>Configuration</h3>
      <dl className="facts columns">
        {Object.entries(trial.point).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{shown(value)}</dd>
          </div>
        ))}
      </dl>
      <TrialCurves run={run} trial={trial} metrics={metrics} />
      <Scores run={run} trial={trial} />
      <Happenings run={run} trialId={trialId} />
      <TrialLog trial={trial} name={`${run.name}, trial ${trial.number + 1}`} />
      {plan !== undefined && (
        <details>
          <summary>The plan of its bundle</summary>
          <PlanTable plans={[{ name: `${trial.algorithm}, fold ${trial.fold}`, plan }]} />
        </details>
      )}
    </>
  );
}

function facts(run: RunDetail, trial: TrialView): [string, string][] {
  return [
    ['Algorithm', trial.algorithm],
    ['Fold', String(trial.fold)],
    ['Kind', trial.kind],
    ['Steps', `${trial.step} of ${trial.steps}`],
    ['Best Dice', `${dice(trial.bestDice)}${trial.bestStep === null ? '' : ` at step ${trial.bestStep}`}`],
    ...Object.entries(trial.diceByClass).map(([value, score]): [string, string] => [
      `Dice ${labelName(run, value)}`,
      dice(score),
    ]),
    ['Time', duration(trialSeconds(trial))],
    ['Waiting for data', trial.dataWaitFraction === null ? '–' : `${(100 * trial.dataWaitFraction).toFixed(1)} %`],
    ['Times handed to a trainer', String(trial.lease)],
    ['Started', moment(trial.startedAt)],
    ['Ended', moment(trial.finishedAt)],
  ];
}

function Stop({ run, trial }: { readonly run: RunDetail; readonly trial: TrialView }) {
  const client = useQueryClient();
  if (trial.state !== 'running' && trial.state !== 'waiting') return null;
  return (
    <ConfirmButton
      label="Stop this trial"
      tone="danger"
      question={`Stop trial ${trial.number + 1}?`}
      action={async () => {
        await send('POST', `/v1/trials/${trial.id}/stop`);
        await client.invalidateQueries({ queryKey: ['run', run.id] });
      }}
    >
      <ul>
        <li>
          <strong>Kept:</strong> its curves and log; the run goes on with its other trials.
        </li>
        <li>
          <strong>Lost:</strong> its model: {trial.step} of {trial.steps} steps are trained, and none of them will be
          used.
        </li>
      </ul>
    </ConfirmButton>
  );
}

function Now({ run, trial }: { readonly run: RunDetail; readonly trial: TrialView }) {
  const { data: jobs } = useActivity(run.id, trial.finishedAt === null && run.state === 'running');
  const now = useNow();
  const job = jobs?.find(({ trialId }) => trialId === trial.id);
  if (job === undefined || trial.finishedAt !== null) return null;
  return (
    <p className="note">
      <StateBadge state={job.state} /> {explain(job, now)}
      {trial.progress !== null && (
        <>
          {' '}
          · {trial.progress.phase}, {trial.progress.stepsPerSecond.toFixed(2)} steps a second,{' '}
          {duration(trial.progress.etaSeconds)} left, {Math.round(trial.progress.memoryMb)} MB
          {trial.progress.smaller === undefined ? '' : `; ${trial.progress.smaller.told}`}
        </>
      )}
    </p>
  );
}

function Scores({ run, trial }: { readonly run: RunDetail; readonly trial: TrialView }) {
  const { data, error, refetch } = useQuery({
    queryKey: ['trial', trial.id, 'scores'],
    queryFn: ({ signal }) => get<z.infer<typeof TrialScores>>(`/v1/trials/${trial.id}/scores`, signal),
    enabled: trial.finishedAt !== null,
  });
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (data === undefined || data.cases.length === 0) return null;
  const columns: Column<CaseScores>[] = [
    {
      id: 'case',
      title: 'Case',
      value: (one) => one.case,
      cell: (one) => (
        <Link href={`/runs/${run.id}/cases/${encodeURIComponent(one.case)}?model=${trial.id}`}>{one.case}</Link>
      ),
    },
    ...scoreColumns<CaseScores>(run.plans[0]?.plan.labels ?? [], (one) => one, data.cases),
  ];
  return (
    <>
      <h3>Validation cases, worst first</h3>
      <p className="muted">By the best checkpoint, each on its own image's grid.</p>
      <DataTable
        name="Validation cases"
        prefix="case-"
        rows={data.cases}
        columns={columns}
        rowKey={(one) => one.case}
        initialSort="dice"
        empty={null}
      />
      <ScorePlots labels={run.plans[0]?.plan.labels ?? []} cases={data.cases} />
    </>
  );
}

function Happenings({ run, trialId }: { readonly run: RunDetail; readonly trialId: string }) {
  const { data: events, error, refetch } = useRunEvents(run.id);
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
  const own = (events ?? []).filter(({ data }) => data['trialId'] === trialId);
  if (own.length === 0) return null;
  return (
    <>
      <h3>What happened</h3>
      <ol className="plain log">
        {own.map((event) => (
          <li key={event.id}>
            <time dateTime={event.at}>{moment(event.at)}</time> {event.message}
          </li>
        ))}
      </ol>
    </>
  );
}

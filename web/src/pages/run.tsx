import { lazy, Suspense } from 'react';
import { Link, useParams } from 'wouter';
import { useRun } from '../api/run-live.ts';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { ProgressBar } from '../components/progress-bar.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { deviceHours, dice, duration } from '../format.ts';
import { itemOf } from '../path.ts';
import { useWholeQuery } from '../query-state.ts';
import { RunActions } from '../run/actions.tsx';
import { Activity } from '../run/activity.tsx';
import { CasePage } from '../run/case.tsx';
import { RunCasesTab } from '../run/cases.tsx';
import { RunCurves } from '../run/curves.tsx';
import { RunEnsemble } from '../run/ensemble.tsx';
import { RunLog } from '../run/log.tsx';
import { RunPlans } from '../run/plans.tsx';
import { SearchTab } from '../run/search.tsx';
import { timeLeftInWords } from '../run/time-left.ts';
import { TrialPage } from '../run/trial.tsx';
import { TrialsTable } from '../run/trials-table.tsx';
import { DataWay } from '../run/way.tsx';
import { useTitle } from '../use-title.ts';

const TryIt = lazy(async () => ({ default: (await import('../run/try-it.tsx')).TryIt }));

const TABS = [
  ['', 'Overview'],
  ['trials', 'Trials'],
  ['search', 'Search'],
  ['cases', 'Cases'],
  ['ensemble', 'Ensemble'],
  ['try', 'Try it'],
  ['plans', 'Plans'],
  ['log', 'Log'],
] as const;

/** One run: where it stands, its curves, trials, cases, ensemble and log. */
export function RunPage() {
  const { id = '', tab = '', item } = useParams<{ id: string; tab?: string; item?: string }>();
  const { run: query, metrics } = useRun(id);
  const run = query.data;
  const search = useWholeQuery();
  useTitle(run?.name ?? 'Run');
  if (run === undefined) {
    return query.error === null ? (
      <p className="loading">Loading the run…</p>
    ) : (
      <ErrorNote error={query.error} retry={() => void query.refetch()} />
    );
  }
  return (
    <>
      <p className="crumbs">
        <Link href="/">Runs</Link> ›{' '}
        {item === undefined ? run.name : <Link href={`/runs/${id}/${tab}${search}`}>{run.name}</Link>}
      </p>
      <div className="page-head">
        <h1>{run.name}</h1>
        <StateBadge state={run.state} />
        <RunActions run={run} />
      </div>
      <p className="message" role="status">
        {run.message}
        {run.request.branch !== undefined && (
          <>
            {' '}
            <Link href={`/runs/${run.request.branch.run}`}>
              Goes on from {run.request.branch.keep === 'trials' ? 'the finished trials' : 'the analysis'} of another
              run.
            </Link>
          </>
        )}
      </p>
      {query.error !== null && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {run.failure !== null && (
        <div className="note bad">
          <p>
            <strong>{run.failure.message}</strong>
          </p>
          {run.failure.fix !== null && <p>{run.failure.fix}</p>}
        </div>
      )}
      <dl className="numbers">
        <div>
          <dt>Done</dt>
          <dd>
            <ProgressBar value={run.progress} label="Done" />
          </dd>
        </div>
        <Number name="Time left" value={timeLeftInWords(run)} />
        <Number name="Elapsed" value={duration(run.elapsedSeconds)} />
        <Number name="Device hours" value={deviceHours(run.deviceSeconds)} />
        <Number name="Best Dice" value={dice(run.bestDice)} />
        <Number name="Test Dice" value={dice(run.testDice)} />
        <Number name="Submitted by" value={run.submittedBy ?? '—'} />
      </dl>
      <nav className="tabs" aria-label="Parts of the run">
        {TABS.map(([name, title]) => (
          <Link
            key={name}
            href={`/runs/${id}${name === '' ? '' : `/${name}`}`}
            aria-current={tab === name ? 'page' : undefined}
          >
            {title}
          </Link>
        ))}
      </nav>
      {tab === '' && (
        <>
          <DataWay run={run} />
          <Activity run={run} />
          <RunCurves run={run} metrics={metrics} />
        </>
      )}
      {tab === 'trials' && item === undefined && <TrialsTable run={run} />}
      {tab === 'trials' && item !== undefined && <TrialPage run={run} trialId={item} metrics={metrics} />}
      {tab === 'search' && <SearchTab run={run} />}
      {tab === 'cases' && item === undefined && <RunCasesTab run={run} />}
      {tab === 'cases' && item !== undefined && <CasePage run={run} caseId={itemOf(location.pathname)} />}
      {tab === 'ensemble' && <RunEnsemble run={run} />}
      {tab === 'try' && (
        <Suspense fallback={<p className="loading">Loading…</p>}>
          <TryIt run={run} />
        </Suspense>
      )}
      {tab === 'plans' && <RunPlans run={run} />}
      {tab === 'log' && <RunLog run={run} />}
      {TABS.every(([name]) => name !== tab) && (
        <Empty title="A run has no such page.">
          <Link href={`/runs/${id}`}>Its overview</Link>
        </Empty>
      )}
    </>
  );
}

function Number({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

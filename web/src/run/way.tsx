import type { RunDetail } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { counted } from '@voxhelm/contracts/words';
import { Link } from 'wouter';
import { dice } from '../format.ts';

type Standing = 'done' | 'now' | 'ahead' | 'stopped';

interface Station {
  readonly name: string;
  readonly href: string;
  readonly standing: Standing;
  /** 0..1 of its own work. */
  readonly filled: number;
  readonly detail: string;
}

const ORDER = ['queued', 'analysis', 'planning', 'search', 'folds', 'ensemble', 'done'];

/** The way of the data as a drawing that fills while the run goes on; each part is a link. */
export function DataWay({ run }: { readonly run: RunDetail }) {
  const stations = stationsOf(run);
  return (
    <ol className="way" aria-label="The way of the data">
      {stations.map((station) => (
        <li key={station.name} className={station.standing}>
          <Link href={station.href}>
            <span className="way-name">
              {station.name}
              <span className={station.standing === 'stopped' ? 'muted' : 'hidden'}> ({WORDS[station.standing]})</span>
            </span>
            <span className="way-detail">{station.detail}</span>
            <meter className="way-fill" min={0} max={1} value={station.filled} aria-hidden="true" />
          </Link>
        </li>
      ))}
    </ol>
  );
}

const WORDS: Readonly<Record<Standing, string>> = {
  done: 'done',
  now: 'under way',
  ahead: 'to come',
  stopped: 'the run ended here',
};

/** The parts of a run's way, and how far each is. */
export function stationsOf(run: RunDetail): Station[] {
  const at = ORDER.indexOf(run.stage);
  const over = FINAL_RUN_STATES.includes(run.state);
  const standing = (stage: string): Standing => {
    const place = ORDER.indexOf(stage);
    if (run.state === 'completed' || at > place) return 'done';
    if (at < place || at <= 0) return 'ahead';
    return over ? 'stopped' : 'now';
  };
  const search = run.trials.filter(({ kind }) => kind === 'search');
  const folds = run.trials.filter(({ kind }) => kind === 'fold');
  const share = (trials: RunDetail['trials'], stage: string): number => {
    if (standing(stage) === 'done') return 1;
    const steps = trials.reduce((sum, trial) => sum + trial.steps, 0);
    return steps === 0
      ? 0
      : trials.reduce((sum, trial) => sum + (trial.finishedAt === null ? trial.step : trial.steps), 0) / steps;
  };
  const ended = (trials: RunDetail['trials']): number => trials.filter(({ finishedAt }) => finishedAt !== null).length;
  const simple = (stage: string): number => (standing(stage) === 'done' ? 1 : 0);
  const here = `/runs/${run.id}`;
  return [
    {
      name: 'Analysis',
      href: `/datasets/${run.datasetId}`,
      standing: standing('analysis'),
      filled: simple('analysis'),
      detail: run.findings.length === 0 ? run.datasetName : counted(run.findings.length, 'finding'),
    },
    {
      name: 'Bundles',
      href: `${here}/plans`,
      standing: standing('planning'),
      filled: simple('planning'),
      detail: run.plans.length === 0 ? 'plans to come' : counted(run.plans.length, 'plan'),
    },
    {
      name: 'Search',
      href: `${here}/trials?q=kind%3Dsearch`,
      standing: standing('search'),
      filled: share(search, 'search'),
      detail: search.length === 0 ? 'trials to come' : `${ended(search)} of ${search.length} trials`,
    },
    {
      name: 'Folds',
      href: `${here}/trials?q=kind%3Dfold`,
      standing: standing('folds'),
      filled: share(folds, 'folds'),
      detail: folds.length === 0 ? 'trainings to come' : `${ended(folds)} of ${folds.length} trainings`,
    },
    {
      name: 'Ensemble',
      href: `${here}/ensemble`,
      standing: standing('ensemble'),
      filled: simple('ensemble'),
      detail:
        run.ensemble === null
          ? 'to come'
          : `${counted(run.ensemble.members.length, 'member')}, Dice ${dice(run.testDice)}`,
    },
  ];
}

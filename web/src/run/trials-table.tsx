import type { RunDetail, TrialView } from '@voxhelm/contracts/api';
import { useMemo } from 'react';
import { Link } from 'wouter';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ProgressBar } from '../components/progress-bar.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { dice, duration, shown } from '../format.ts';
import { parameterTitles } from './parameter-titles.ts';

/** Seconds that a trial has trained. */
export function trialSeconds(trial: TrialView): number | null {
  if (trial.startedAt === null) return null;
  return (
    ((trial.finishedAt === null ? Date.now() : Date.parse(trial.finishedAt)) - Date.parse(trial.startedAt)) / 1_000
  );
}

function columnsOf(run: RunDetail): Column<TrialView>[] {
  const parameters = [...new Set(run.trials.flatMap(({ point }) => Object.keys(point)))]
    .filter((name) => name !== 'algorithm')
    .sort((a, b) => a.localeCompare(b));
  const titles = parameterTitles(parameters);
  return [
    {
      id: 'number',
      title: 'Trial',
      value: (trial) => trial.number + 1,
      numeric: true,
      cell: (trial) => <Link href={`/runs/${run.id}/trials/${trial.id}`}>{trial.number + 1}</Link>,
    },
    { id: 'state', title: 'State', value: (trial) => trial.state, cell: (trial) => <StateBadge state={trial.state} /> },
    {
      id: 'dice',
      title: 'Best Dice',
      value: (trial) => trial.bestDice,
      numeric: true,
      cell: (trial) => dice(trial.bestDice),
    },
    { id: 'kind', title: 'Kind', value: (trial) => trial.kind },
    { id: 'algorithm', title: 'Algorithm', value: (trial) => trial.algorithm },
    { id: 'fold', title: 'Fold', value: (trial) => trial.fold, numeric: true },
    {
      id: 'step',
      title: 'Steps',
      value: (trial) => trial.step,
      numeric: true,
      cell: (trial) =>
        trial.finishedAt === null ? (
          <ProgressBar value={trial.step / trial.steps} label={`Trial ${trial.number + 1}`} />
        ) : (
          `${trial.step} / ${trial.steps}`
        ),
    },
    { id: 'bestStep', title: 'Best step', value: (trial) => trial.bestStep, numeric: true, extra: true },
    {
      id: 'time',
      title: 'Time',
      unit: 's',
      value: trialSeconds,
      numeric: true,
      cell: (trial) => duration(trialSeconds(trial)),
    },
    ...Object.keys(run.trials.find((trial) => Object.keys(trial.diceByClass).length > 0)?.diceByClass ?? {}).map(
      (value): Column<TrialView> => ({
        id: `dice.${value}`,
        title: `Dice ${labelName(run, value)}`,
        value: (trial) => trial.diceByClass[value] ?? null,
        numeric: true,
        extra: true,
        cell: (trial) => dice(trial.diceByClass[value]),
      }),
    ),
    ...parameters.map(
      (name): Column<TrialView> => ({
        id: name,
        title: titles.get(name) ?? name,
        value: (trial) => {
          const value = trial.point[name];
          return value === undefined ? null : typeof value === 'boolean' ? String(value) : value;
        },
        numeric: run.trials.some((trial) => typeof trial.point[name] === 'number'),
        cell: (trial) => shown(trial.point[name]),
      }),
    ),
    {
      id: 'memory',
      title: 'Memory MB',
      value: (trial) => trial.progress?.memoryMb ?? null,
      numeric: true,
      extra: true,
    },
    {
      id: 'reason',
      title: 'Why',
      value: (trial) => trial.reason,
      cell: (trial) => <span className="wrap">{trial.reason ?? ''}</span>,
    },
  ];
}

/** The name of a label value in a run's plans. */
export function labelName(run: RunDetail, value: string): string {
  return run.plans[0]?.plan.labels.find((label) => String(label.value) === value)?.name ?? value;
}

/** All trials of a run: sort, filter ("dice>0.8"), choose columns. */
export function TrialsTable({ run }: { readonly run: RunDetail }) {
  const names = run.trials.flatMap(({ point }) => Object.keys(point)).join();
  const columns = useMemo(() => columnsOf(run), [run.id, names, run.trials.length, run.plans.length]);
  return (
    <DataTable
      name="Trials"
      rows={run.trials}
      columns={columns}
      rowKey={(trial) => trial.id}
      initialSort="number"
      empty={<Empty title="No trial yet.">Trials begin when the dataset is analysed and the plans are made.</Empty>}
    />
  );
}

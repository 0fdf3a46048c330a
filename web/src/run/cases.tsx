import { useQuery } from '@tanstack/react-query';
import type { RunDetail } from '@voxhelm/contracts/api';
import type { CaseResult, RunCase, RunCases } from '@voxhelm/contracts/api-cases';
import { useMemo } from 'react';
import { Link } from 'wouter';
import { get } from '../api/client.ts';
import { arrange, type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { number } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import { useQueryWithoutPlace } from '../viewer/view-state.ts';
import { scoreColumns } from './score-columns.ts';
import { ScorePlots } from './score-plots.tsx';

/** A run's cases, read anew while the run goes on. */
export function useCases(run: RunDetail) {
  const ended = run.trials.filter(({ finishedAt }) => finishedAt !== null).length;
  return useQuery({
    queryKey: ['run', run.id, 'cases', ended, run.stage],
    queryFn: ({ signal }) => get<RunCases>(`/v1/runs/${run.id}/cases`, signal),
    placeholderData: (known) => known,
  });
}

/** In place of a model: of each case the ensemble's result where it has one, else the worst trial's. */
export const ANY_MODEL = 'any';

/** What is shown unasked: what the run is for, where it is there already. */
export function defaultModel(data: RunCases | undefined): string {
  return data?.cases.some(({ results }) => results.some(({ model }) => model === 'ensemble')) === true
    ? 'ensemble'
    : ANY_MODEL;
}

/** The result that the page shows of a case. */
export function resultOf(one: RunCase, model: string): CaseResult | null {
  if (model !== ANY_MODEL) return one.results.find((result) => result.model === model) ?? null;
  const test = one.results.find((result) => result.model === 'ensemble');
  return test ?? [...one.results].sort((a, b) => (a.scores.dice ?? 2) - (b.scores.dice ?? 2))[0] ?? null;
}

/** The order of the list unasked: worst first. */
const WORST_FIRST = 'dice';

/** The list of cases as the address says: of which model, in which order, filtered by what. A case's page goes through the same. */
export function useCaseList(run: RunDetail, data: RunCases | undefined) {
  const [model, setModel] = useQueryState('model', defaultModel(data));
  const [sort] = useQueryState('sort', WORST_FIRST);
  const [filter] = useQueryState('q');
  const query = useQueryWithoutPlace();
  const rows = useMemo(() => (data?.cases ?? []).filter((one) => resultOf(one, model) !== null), [data, model]);
  const columns = useMemo(() => columnsOf(run, data, model, rows, query), [run.id, data, model, rows, query]);
  const listed = useMemo(() => arrange(rows, columns, sort, filter), [rows, columns, sort, filter]);
  return { model, setModel, rows, columns, listed, worstFirst: sort === WORST_FIRST };
}

/** Every case and what the models make of it, worst first; a case opens in the viewer. */
export function RunCasesTab({ run }: { readonly run: RunDetail }) {
  const { data, error, refetch } = useCases(run);
  const { model, setModel, rows, columns } = useCaseList(run, data);
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (data === undefined) return <p className="loading">Loading cases…</p>;
  const spreadModel = data.models.find(({ id }) => id === model);
  return (
    <>
      <DataTable
        name="Cases"
        rows={rows}
        columns={columns}
        rowKey={(one) => one.caseId}
        initialSort={WORST_FIRST}
        tools={
          <label>
            Model{' '}
            <select value={model} onChange={(event) => setModel(event.target.value)}>
              <option value={ANY_MODEL}>all: the ensemble, else the worst trial</option>
              {data.models.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        }
        empty={
          <Empty title="No case is scored yet.">
            Each trial scores the validation cases of its fold when it ends; the ensemble the test cases.
          </Empty>
        }
      />
      {rows.length > 0 && (
        <>
          <h2>How the scores{spreadModel === undefined ? '' : ` of ${spreadModel.name}`} spread</h2>
          {spreadModel === undefined ? (
            <p className="muted">Choose a model above: scores of several models make no spread.</p>
          ) : (
            <ScorePlots
              labels={data.labels}
              cases={data.cases.flatMap((one) => resultOf(one, spreadModel.id)?.scores ?? [])}
            />
          )}
        </>
      )}
    </>
  );
}

/** `query`: the page's own, which a case's page keeps for the way back. */
function columnsOf(
  run: RunDetail,
  data: RunCases | undefined,
  model: string,
  rows: readonly RunCase[],
  query: string,
): Column<RunCase>[] {
  const scoresOf = (one: RunCase) => resultOf(one, model)?.scores;
  return [
    {
      id: 'case',
      title: 'Case',
      value: (one) => one.caseId,
      cell: (one) => <Link href={`/runs/${run.id}/cases/${encodeURIComponent(one.caseId)}${query}`}>{one.caseId}</Link>,
    },
    { id: 'role', title: 'Role', value: (one) => (one.role === 'testing' ? 'test' : 'validation') },
    ...scoreColumns(data?.labels ?? [], scoresOf, rows),
    {
      id: 'model',
      title: 'Model',
      value: (one) => data?.models.find(({ id }) => id === resultOf(one, model)?.model)?.name ?? null,
    },
    { id: 'shape', title: 'Voxels', value: (one) => one.shape?.join(' × ') ?? null, extra: true },
    { id: 'spacing', title: 'Spacing mm', value: (one) => one.spacingMm?.map(number).join(' × ') ?? null, extra: true },
  ];
}

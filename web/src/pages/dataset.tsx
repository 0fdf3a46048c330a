import { useQuery } from '@tanstack/react-query';
import type { SampleStatistics } from '@voxhelm/contracts/analysis';
import type { DatasetDetail } from '@voxhelm/contracts/api';
import { lazy, Suspense, useMemo } from 'react';
import { Link, useParams } from 'wouter';
import { get } from '../api/client.ts';
import { RangePlot } from '../charts/range-plot.tsx';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { useStepKeys } from '../components/use-step-keys.ts';
import { outliersOf } from '../dataset/outliers.ts';
import { number } from '../format.ts';
import { itemOf } from '../path.ts';
import { useWholeQuery } from '../query-state.ts';
import { SuggestedCase } from '../schedules/suggested-case.tsx';
import { useSuggestion } from '../schedules/use-suggestion.ts';
import { useTitle } from '../use-title.ts';
import { useVolume } from '../viewer/use-case.ts';

const PairViewer = lazy(async () => ({ default: (await import('../submit/pair-viewer.tsx')).PairViewer }));

type Case = DatasetDetail['cases'][number];

/** A dataset: what it is, what the check found, its statistics as plots, its outliers, each case in the viewer. */
export function DatasetPage() {
  const { id = '', item } = useParams<{ id: string; tab?: string; item?: string }>();
  const { data, error, refetch } = useQuery({
    queryKey: ['dataset', id],
    queryFn: ({ signal }) => get<DatasetDetail>(`/v1/datasets/${id}`, signal),
    refetchInterval: ({ state }) => (state.data?.state === 'checking' ? 1_500 : false),
  });
  const query = useWholeQuery();
  useTitle(data?.name ?? 'Dataset');
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (data === undefined) return <p className="loading">Loading the dataset…</p>;
  return (
    <>
      <p className="crumbs">
        <Link href="/datasets">Datasets</Link> ›{' '}
        {item === undefined ? data.name : <Link href={`/datasets/${id}${query}`}>{data.name}</Link>}
      </p>
      <div className="page-head">
        <h1>{item === undefined ? data.name : itemOf(location.pathname)}</h1>
        <StateBadge state={data.state} />
        <Link href={`/submit?dataset=${id}`} className="button primary">
          Submit a run on it
        </Link>
      </div>
      {item === undefined ? (
        <Overview dataset={data} />
      ) : (
        <CaseView dataset={data} caseId={itemOf(location.pathname)} />
      )}
    </>
  );
}

function Overview({ dataset }: { readonly dataset: DatasetDetail }) {
  const outliers = useMemo(() => outliersOf(dataset.cases), [dataset.cases]);
  const query = useWholeQuery();
  const columns = useMemo((): Column<Case>[] => {
    return [
      {
        id: 'case',
        title: 'Case',
        value: (one) => one.caseId,
        cell: (one) => (
          <Link href={`/datasets/${dataset.id}/cases/${encodeURIComponent(one.caseId)}${query}`}>{one.caseId}</Link>
        ),
      },
      { id: 'role', title: 'Role', value: (one) => one.role },
      { id: 'valid', title: 'Sound', value: (one) => (one.valid ? 'yes' : 'no') },
      { id: 'shape', title: 'Voxels', value: (one) => one.shape?.join(' × ') ?? null },
      { id: 'spacing', title: 'Spacing mm', value: (one) => one.spacingMm?.map(number).join(' × ') ?? null },
      {
        id: 'outlier',
        title: 'Stands out',
        value: (one) => outliers.get(one.caseId)?.join('; ') ?? null,
        cell: (one) => <span className="wrap">{outliers.get(one.caseId)?.join('; ') ?? ''}</span>,
      },
    ];
  }, [dataset.id, outliers, query]);
  return (
    <>
      {dataset.failure !== null && <p className="note bad">{dataset.failure}</p>}
      <dl className="facts columns">
        {[
          ['Layout', dataset.layout ?? '–'],
          ['Modality', dataset.modalities.join(', ') || '–'],
          ['Labels', dataset.labels.map(({ value, name }) => `${value} ${name}`).join(', ') || '–'],
          ['Training cases', String(dataset.trainingCases ?? '–')],
          ['Test cases', String(dataset.testingCases ?? '–')],
          ['Path', dataset.path],
          ['Fingerprint', dataset.fingerprint ?? '–'],
        ].map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {dataset.choices.length > 0 && (
        <section className="panel" aria-label="Choices">
          <h2>Changed before it came</h2>
          <ul>
            {dataset.choices.map((choice) => (
              <li key={choice}>{choice}</li>
            ))}
          </ul>
        </section>
      )}
      {dataset.findings.length > 0 && (
        <section className="panel" aria-label="Findings">
          <h2>{dataset.findings.length} findings</h2>
          {dataset.findings.map((finding) => (
            <article className="finding" key={`${finding.case} ${finding.file} ${finding.code}`}>
              <p>
                <span className={`badge ${finding.severity === 'error' ? 'bad' : 'warn'}`}>{finding.severity}</span>{' '}
                <strong>{finding.case}</strong> <code className="wrap">{finding.file}</code>
              </p>
              <p>{finding.message}</p>
              <p className="muted">{finding.fix}</p>
            </article>
          ))}
        </section>
      )}
      {dataset.summary !== null && <Statistics dataset={dataset} summary={dataset.summary} />}
      <h2>Cases</h2>
      <DataTable
        name="Cases"
        rows={dataset.cases}
        columns={columns}
        rowKey={(one) => `${one.role} ${one.caseId}`}
        initialSort="case"
        empty={
          <Empty title="No case yet.">
            {dataset.state === 'checking'
              ? 'The check reads every file.'
              : 'The dataset has no case that could be read.'}
          </Empty>
        }
      />
    </>
  );
}

interface StatisticsProps {
  readonly dataset: DatasetDetail;
  readonly summary: NonNullable<DatasetDetail['summary']>;
}

function Statistics({ dataset, summary }: StatisticsProps) {
  const { image_stats: image, label_stats: labels } = summary;
  const nameOf = (value: number): string =>
    dataset.labels.find((label) => label.value === value)?.name ?? String(value);
  const axes = ['x', 'y', 'z'];
  const perAxis = (statistics: typeof image.spacing) =>
    axes.map((axis, index) => ({
      name: axis,
      low: at(statistics.percentile_10_0, index),
      middle: at(statistics.median, index),
      high: at(statistics.percentile_90_0, index),
      min: at(statistics.min, index),
      max: at(statistics.max, index),
    }));
  return (
    <>
      <h2>Statistics of {summary.n_cases} training cases</h2>
      <p className="muted">
        The box holds four of five, the bar is the median, the line goes from least to most; of intensities from the
        lowest to the highest half per cent.
      </p>
      <div className="charts">
        <RangePlot title="Spacing" unit="mm" rows={perAxis(image.spacing)} />
        <RangePlot title="Size" unit="voxels" rows={perAxis(image.shape)} />
        <RangePlot
          title="Intensity by class"
          unit={dataset.modalities.length > 0 && dataset.modalities.every((each) => each === 'CT') ? 'HU' : ''}
          ends={['0.5 %', '99.5 %']}
          rows={labels.label.map(({ value, image_intensity: one }) => ({
            name: nameOf(value),
            low: one.percentile_10_0,
            middle: one.median,
            high: one.percentile_90_0,
            min: one.percentile_00_5,
            max: one.percentile_99_5,
          }))}
        />
        {labels.label.some(({ volume_ml: volume }) => volume !== undefined) && (
          <RangePlot
            title="Volume by class"
            unit="ml"
            rows={labels.label.flatMap(({ value, volume_ml: volume }) =>
              value === 0 || volume === undefined ? [] : [{ name: nameOf(value), ...rangeOf(volume, 1) }],
            )}
          />
        )}
        <RangePlot
          title="Share of the image's voxels by class"
          unit="%"
          rows={labels.label
            .filter(({ value }) => value !== 0)
            .map(({ value, foreground_percentage: one }) => ({
              name: nameOf(value),
              ...rangeOf(one, 100),
            }))}
        />
      </div>
    </>
  );
}

/** What a plot's row shows of single numbers, times a factor. */
function rangeOf(statistics: SampleStatistics, factor: number) {
  return {
    low: at(statistics.percentile_10_0, 0) * factor,
    middle: at(statistics.median, 0) * factor,
    high: at(statistics.percentile_90_0, 0) * factor,
    min: at(statistics.min, 0) * factor,
    max: at(statistics.max, 0) * factor,
  };
}

/** A statistic's value on an axis; those of single numbers have no axes. */
function at(value: number | readonly unknown[], index: number): number {
  if (typeof value === 'number') return value;
  const inner = value.flat(3)[index] ?? value.flat(3)[0];
  return typeof inner === 'number' ? inner : 0;
}

function CaseView({ dataset, caseId }: { readonly dataset: DatasetDetail; readonly caseId: string }) {
  const query = useWholeQuery();
  const at = dataset.cases.findIndex((one) => one.caseId === caseId);
  const hrefOf = (place: number): string | null => {
    const other = dataset.cases[place]?.caseId;
    return other === undefined ? null : `/datasets/${dataset.id}/cases/${encodeURIComponent(other)}${query}`;
  };
  const [previous, next] = at < 0 ? [null, null] : [hrefOf(at - 1), hrefOf(at + 1)];
  useStepKeys(previous, next);
  const one = dataset.cases[at];
  const suggestion = useSuggestion(dataset.id, one?.role === 'unlabelled');
  const suggested = suggestion.data?.cases.some((each) => each.caseId === caseId) === true;
  if (one === undefined) {
    return (
      <Empty title="This dataset has no such case.">
        <Link href={`/datasets/${dataset.id}`}>All its cases</Link>
      </Empty>
    );
  }
  return (
    <>
      <div className="actions">
        <span className="muted">
          {at + 1} of {dataset.cases.length}
        </span>
        {previous !== null && (
          <Link href={previous} className="button">
            Previous (p)
          </Link>
        )}
        {next !== null && (
          <Link href={next} className="button">
            Next (n)
          </Link>
        )}
      </div>
      {dataset.findings
        .filter((finding) => finding.case === caseId)
        .map((finding) => (
          <p key={finding.message} className={`note ${finding.severity === 'error' ? 'bad' : 'warn'}`}>
            {finding.message} {finding.fix}
          </p>
        ))}
      {suggested && suggestion.data != null ? (
        <SuggestedCase key={caseId} dataset={dataset} view={suggestion.data} caseId={caseId} />
      ) : (
        // Whether it is suggested is asked first: the viewer would load twice.
        !suggestion.isLoading && <Pair key={caseId} dataset={dataset} caseId={caseId} labelled={one.labelled} />
      )}
    </>
  );
}

interface PairProps {
  readonly dataset: DatasetDetail;
  readonly caseId: string;
  readonly labelled: boolean;
}

/** A case's image, with its label over it where it has one. */
function Pair({ dataset, caseId, labelled }: PairProps) {
  const base = `/v1/datasets/${dataset.id}/cases/${encodeURIComponent(caseId)}`;
  const image = useVolume(`${base}/image`);
  // One that has none is not asked for.
  const label = useVolume(labelled ? `${base}/label` : null);
  const failure = image.error ?? label.error;
  const labelBlob = labelled ? label.data : null;
  return (
    <>
      {failure !== null && (
        <ErrorNote
          error={failure}
          retry={() => {
            for (const each of [image, label]) if (each.error !== null) void each.refetch();
          }}
        />
      )}
      {(image.isPending || (labelled && label.isPending)) && <p className="loading">Loading volumes…</p>}
      {image.data === null && (
        <p className="note warn">
          The file of its image is not there any more. Put it back where the dataset has it, or check the dataset anew.
        </p>
      )}
      {image.data != null && labelBlob === null && <p className="muted">This case has no label.</p>}
      {image.data != null && labelBlob !== undefined && (
        <Suspense fallback={<p className="loading">Loading the viewer…</p>}>
          <PairViewer image={image.data} label={labelBlob} labels={dataset.labels} name={caseId} alone />
        </Suspense>
      )}
    </>
  );
}

import type { RunDetail } from '@voxhelm/contracts/api';
import type { RunCase, RunCases } from '@voxhelm/contracts/api-cases';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { isTyping } from '../components/shortcuts.tsx';
import { Swatch } from '../components/swatch.tsx';
import { dice, number } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import type { CaseMeasures } from '../viewer/case-messages.ts';
import { DISAGREEMENT_MAP, DISAGREEMENT_NAMES, labelColor } from '../viewer/label-colors.ts';
import { useMeasures, useVolume } from '../viewer/use-case.ts';
import type { Layer } from '../viewer/volume-viewer.tsx';
import { resultOf, useCases, worstFirst } from './cases.tsx';

const VolumeViewer = lazy(async () => ({ default: (await import('../viewer/volume-viewer.tsx')).VolumeViewer }));

const LAYERS: readonly { id: string; name: string; kind: Layer['kind']; opacity: number }[] = [
  { id: 'image', name: 'Image', kind: 'image', opacity: 1 },
  { id: 'truth', name: 'Truth', kind: 'labels', opacity: 0.35 },
  { id: 'prediction', name: 'Prediction', kind: 'labels', opacity: 0.35 },
  { id: 'disagreement', name: 'Disagreement', kind: 'disagreement', opacity: 0 },
  { id: 'uncertainty', name: 'Uncertainty', kind: 'heat', opacity: 0 },
];

/** One case in the viewer: image, truth, prediction, where they differ, and how sure the model was. */
export function CasePage({ run, caseId }: { readonly run: RunDetail; readonly caseId: string }) {
  const { data, error } = useCases(run);
  if (error !== null) return <ErrorNote error={error} />;
  if (data === undefined) return <p className="loading">Loading the case…</p>;
  const one = data.cases.find((each) => each.caseId === caseId);
  if (one === undefined) {
    return (
      <Empty title="This run has no such case.">
        <Link href={`/runs/${run.id}/cases`}>All cases</Link>
      </Empty>
    );
  }
  return <Shown key={caseId} run={run} data={data} one={one} />;
}

function Shown({ run, data, one }: { readonly run: RunDetail; readonly data: RunCases; readonly one: RunCase }) {
  const [model, setModel] = useQueryState('model');
  const result = resultOf(one, model) ?? resultOf(one, '');
  const shownModel = result?.model ?? '';
  const [opacities, setOpacities] = useState<Readonly<Record<string, number>>>({});
  const base = `/v1/runs/${run.id}/cases/${encodeURIComponent(one.caseId)}`;
  const image = useVolume(`${base}/image`);
  const truth = useVolume(one.labelled ? `${base}/label` : null);
  const prediction = useVolume(shownModel === '' ? null : `${base}/predictions/${shownModel}`);
  const probabilities = useVolume(result?.probabilities === true ? `${base}/probabilities/${shownModel}` : null);
  const entropy = useVolume(shownModel === 'ensemble' ? `${base}/entropy/ensemble` : null);
  const labels = data.labels.filter(({ value }) => value !== 0);
  const wanted =
    prediction.data == null ||
    (one.labelled && truth.data === undefined) ||
    (result?.probabilities === true && probabilities.data === undefined)
      ? null
      : {
          caseId: one.caseId,
          labels: labels.map(({ value }) => value),
          prediction: prediction.data,
          truth: truth.data ?? null,
          probabilities: probabilities.data ?? null,
        };
  const measures = useMeasures(`${run.id} ${one.caseId} ${shownModel}`, wanted);
  const volumes: Readonly<Record<string, Blob | null | undefined>> = {
    image: image.data,
    truth: truth.data,
    prediction: prediction.data,
    disagreement: measures.data?.disagreement,
    uncertainty: measures.data?.uncertainty ?? entropy.data,
  };
  const there = LAYERS.filter(({ id }) => volumes[id] != null);
  // What is still coming would have the viewer load twice.
  const complete =
    image.data !== undefined &&
    (shownModel !== 'ensemble' || !entropy.isPending) &&
    (wanted === null ? prediction.data !== undefined || shownModel === '' : !measures.isPending);
  const layers = useMemo<Layer[]>(
    () =>
      complete
        ? there.map((layer) => ({
            ...layer,
            id: `${layer.id} ${shownModel}`,
            opacity: opacities[layer.id] ?? layer.opacity,
            volume: volumes[layer.id] as Blob,
          }))
        : [],
    // biome-ignore format: one line
    [complete, opacities, shownModel, there.map(({ id }) => id).join()],
  );
  const names = useMemo(() => Object.fromEntries(data.labels.map(({ value, name }) => [value, name])), [data.labels]);
  const failure = image.error ?? truth.error ?? prediction.error ?? measures.error;
  return (
    <>
      <div className="page-head">
        <h2>{one.caseId}</h2>
        <Steps run={run} data={data} one={one} model={model} />
      </div>
      {failure !== null && <ErrorNote error={failure} />}
      <div className="case-page">
        {layers.length === 0 ? (
          <p className="loading">Loading volumes…</p>
        ) : (
          <Suspense fallback={<p className="loading">Loading the viewer…</p>}>
            <VolumeViewer
              layers={layers}
              labelNames={names}
              description={`Case ${one.caseId} in three planes and 3-D: ${there.map(({ name }) => name.toLowerCase()).join(', ')}. Dice ${dice(result?.scores.dice)}.`}
            />
          </Suspense>
        )}
        <aside aria-label="Layers and scores">
          <label className="field">
            Model
            <select value={shownModel} onChange={(event) => setModel(event.target.value)}>
              {data.models
                .filter(({ id }) => one.results.some((each) => each.model === id))
                .map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
            </select>
          </label>
          <h3>Layers</h3>
          {there.map(({ id, name, opacity }) => (
            <label key={id} className="layer">
              <span>{name}</span>
              <input
                type="range"
                min="0"
                max="1"
                step="0.05"
                value={opacities[id] ?? opacity}
                onChange={(event) => setOpacities({ ...opacities, [id]: Number(event.target.value) })}
              />
            </label>
          ))}
          <ul className="legend">
            {labels.map(({ value, name }) => (
              <li key={value}>
                <Swatch color={`rgb(${labelColor(value).join()})`} /> {name}
              </li>
            ))}
            {volumes['disagreement'] != null &&
              Object.entries(DISAGREEMENT_NAMES).map(([value, name]) => (
                <li key={name}>
                  <Swatch
                    color={`rgb(${[DISAGREEMENT_MAP.R, DISAGREEMENT_MAP.G, DISAGREEMENT_MAP.B].map((channel) => channel[Number(value)]).join()})`}
                  />{' '}
                  {name}
                </li>
              ))}
          </ul>
          <Scores measures={measures.data} labels={labels} recorded={result?.scores.dice ?? null} />
        </aside>
      </div>
    </>
  );
}

interface StepsProps {
  readonly run: RunDetail;
  readonly data: RunCases;
  readonly one: RunCase;
  readonly model: string;
}

/** The next worse and the next better case, by link and by key. */
function Steps({ run, data, one, model }: StepsProps) {
  const [, go] = useLocation();
  const order = worstFirst(
    data.cases.filter((each) => resultOf(each, model) !== null),
    model,
  );
  const at = order.findIndex(({ caseId }) => caseId === one.caseId);
  const query = model === '' ? '' : `?model=${model}`;
  const hrefOf = (index: number): string | null => {
    const other = order[index];
    return other === undefined ? null : `/runs/${run.id}/cases/${encodeURIComponent(other.caseId)}${query}`;
  };
  const [previous, next] = [hrefOf(at - 1), hrefOf(at + 1)];
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const href = isTyping(event) ? null : event.key === 'n' ? next : event.key === 'p' ? previous : null;
      if (href !== null) go(href);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [go, next, previous]);
  return (
    <div className="actions">
      <span className="muted">
        {at + 1} of {order.length}, worst first
      </span>
      {previous !== null && (
        <Link href={previous} className="button">
          Worse (p)
        </Link>
      )}
      {next !== null && (
        <Link href={next} className="button">
          Better (n)
        </Link>
      )}
    </div>
  );
}

interface ScoresProps {
  readonly measures: CaseMeasures | undefined;
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  readonly recorded: number | null;
}

function Scores({ measures, labels, recorded }: ScoresProps) {
  const classes = measures?.scores?.classes;
  return (
    <>
      <h3>Dice {dice(measures?.scores?.dice ?? recorded)}</h3>
      <dl className="facts">
        {labels.map(({ value, name }) => {
          const volume = measures?.volumesMl.find((each) => each.value === value);
          const off =
            volume?.truth == null || volume.truth === 0
              ? null
              : ((volume.predicted - volume.truth) / volume.truth) * 100;
          return (
            <div key={value}>
              <dt>{name}</dt>
              <dd>
                Dice {dice(classes?.[value]?.dice)}
                <br />
                HD95 {number(classes?.[value]?.hd95Mm)} mm
                <br />
                {volume === undefined ? '' : `${number(Number(volume.predicted.toPrecision(3)))} ml`}
                {off === null ? '' : `, ${off >= 0 ? '+' : ''}${off.toFixed(0)} % of the truth`}
              </dd>
            </div>
          );
        })}
      </dl>
      <p className="muted">Distances and volumes are measured here from the stored label maps.</p>
    </>
  );
}

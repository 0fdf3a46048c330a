import type { RunDetail } from '@voxhelm/contracts/api';
import type { RunCase, RunCases } from '@voxhelm/contracts/api-cases';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { lazy, Suspense, useMemo } from 'react';
import { Link } from 'wouter';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { Swatch } from '../components/swatch.tsx';
import { useStepKeys } from '../components/use-step-keys.ts';
import { dice, number } from '../format.ts';
import type { CaseMeasures } from '../viewer/case-messages.ts';
import { DISAGREEMENT_MAP, DISAGREEMENT_NAMES } from '../viewer/label-colors.ts';
import { LabelItems, LayerSliders } from '../viewer/layer-controls.tsx';
import { useMeasures, useVolume } from '../viewer/use-case.ts';
import { useOpacities, usePlace, useQueryWithoutPlace } from '../viewer/view-state.ts';
import type { Layer } from '../viewer/volume-viewer.tsx';
import { ANY_MODEL, resultOf, useCaseList, useCases } from './cases.tsx';
import { MISSING_IN_WORDS, whyNoDistance } from './score-columns.ts';

const VolumeViewer = lazy(async () => ({ default: (await import('../viewer/volume-viewer.tsx')).VolumeViewer }));

const LAYERS: readonly Omit<Layer, 'volume'>[] = [
  { id: 'image', name: 'Image', kind: 'image', opacity: 1 },
  { id: 'truth', name: 'Truth', kind: 'labels', opacity: 0.35 },
  { id: 'prediction', name: 'Prediction', kind: 'labels', opacity: 0.5, predicted: true },
  { id: 'disagreement', name: 'Disagreement', kind: 'disagreement', opacity: 0 },
  { id: 'uncertainty', name: 'Uncertainty', kind: 'heat', opacity: 0 },
];

/** One case in the viewer: image, truth, prediction, where they differ, and how sure the model was. */
export function CasePage({ run, caseId }: { readonly run: RunDetail; readonly caseId: string }) {
  const { data, error, refetch } = useCases(run);
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
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
  const list = useCaseList(run, data);
  const { model, setModel } = list;
  const result = resultOf(one, model) ?? resultOf(one, ANY_MODEL);
  const shownModel = result?.model ?? '';
  const [opacities, setOpacity] = useOpacities();
  const [place, setPlace] = usePlace();
  const base = `/v1/runs/${run.id}/cases/${encodeURIComponent(one.caseId)}`;
  const image = useVolume(`${base}/image`);
  const truth = useVolume(one.labelled ? `${base}/label` : null);
  const prediction = useVolume(shownModel === '' ? null : `${base}/predictions/${shownModel}`);
  const probabilities = useVolume(result?.probabilities === true ? `${base}/probabilities/${shownModel}` : null);
  const entropy = useVolume(shownModel === 'ensemble' ? `${base}/entropy/ensemble` : null);
  const labels = data.labels.filter(({ value }) => value !== 0);
  // What failed is told below; the rest is measured without it.
  const wanted =
    prediction.data == null ||
    (one.labelled && truth.isPending) ||
    (result?.probabilities === true && probabilities.isPending)
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
            // Measured here it is a share; the ensemble's is stored in one byte.
            ...(layer.id === 'uncertainty' && measures.data?.uncertainty == null ? { highest: 255 } : {}),
          }))
        : [],
    // biome-ignore format: one line
    [complete, opacities, shownModel, there.map(({ id }) => id).join()],
  );
  const names = useMemo(() => Object.fromEntries(data.labels.map(({ value, name }) => [value, name])), [data.labels]);
  const read = [image, truth, prediction, probabilities, entropy, measures];
  const failure = read.find(({ error }) => error !== null)?.error ?? null;
  const gone = [
    ...(image.data === null ? ['its image'] : []),
    ...(one.labelled && truth.data === null ? ['its label'] : []),
    ...(shownModel !== '' && prediction.data === null ? ["the model's prediction"] : []),
  ];
  return (
    <>
      <div className="page-head">
        <h2>{one.caseId}</h2>
        <Steps run={run} one={one} list={list} />
      </div>
      {failure !== null && (
        <ErrorNote
          error={failure}
          retry={() => {
            for (const each of read) if (each.error !== null) void each.refetch();
          }}
        />
      )}
      {gone.length > 0 && (
        <p className="note warn">
          The file of {gone.join(' and of ')} is not there any more. Put images and labels back where the dataset has
          them, or check the dataset anew; a prediction that was deleted comes back with a retried run.
        </p>
      )}
      <div className="case-page">
        {layers.length === 0 ? (
          <p className="loading">
            {complete || failure !== null ? 'Nothing of this case can be shown.' : 'Loading volumes…'}
          </p>
        ) : (
          <Suspense fallback={<p className="loading">Loading the viewer…</p>}>
            <VolumeViewer
              layers={layers}
              labelNames={names}
              alone
              startMm={place}
              onPlace={setPlace}
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
          <LayerSliders
            layers={there.map((layer) => ({ ...layer, opacity: opacities[layer.id] ?? layer.opacity }))}
            onOpacity={setOpacity}
          />
          <ul className="legend">
            <LabelItems
              labels={labels}
              shown={(['truth', 'prediction'] as const).filter((kind) => volumes[kind] != null)}
            />
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
          {volumes['uncertainty'] != null && (
            <p className="muted">
              Uncertainty: entropy of the classes over{' '}
              {shownModel === 'ensemble' ? 'members and mirrored views' : 'this model'}; dark where it is sure (0),
              bright where all classes are alike (1).
            </p>
          )}
          <Scores
            scores={measures.data?.scores ?? result?.scores}
            volumesMl={measures.data?.volumesMl ?? []}
            labels={labels}
            note={
              !one.labelled
                ? 'This case has no label, so there is nothing to measure the prediction by.'
                : wanted !== null && measures.isPending
                  ? 'Being measured here, from the stored label maps…'
                  : measures.data?.scores === null
                    ? 'Prediction and label have grids of different size: distances cannot be measured here.'
                    : 'Distances and volumes are measured here from the stored label maps.'
            }
          />
        </aside>
      </div>
    </>
  );
}

interface StepsProps {
  readonly run: RunDetail;
  readonly one: RunCase;
  readonly list: ReturnType<typeof useCaseList>;
}

/** The cases before and after this one in the list that one came from, by link and by key. */
function Steps({ run, one, list: { listed: order, worstFirst } }: StepsProps) {
  const at = order.findIndex(({ caseId }) => caseId === one.caseId);
  const query = useQueryWithoutPlace();
  const hrefOf = (index: number): string | null => {
    const other = order[index];
    return other === undefined ? null : `/runs/${run.id}/cases/${encodeURIComponent(other.caseId)}${query}`;
  };
  const [previous, next] = [hrefOf(at - 1), hrefOf(at + 1)];
  useStepKeys(previous, next);
  return (
    <div className="actions">
      <span className="muted">
        {at < 0 ? 'Not in the list' : `${at + 1} of ${order.length}`}
        {worstFirst ? ', worst first' : ''}
      </span>
      {previous !== null && (
        <Link href={previous} className="button">
          {worstFirst ? 'Worse' : 'Previous'} (p)
        </Link>
      )}
      {next !== null && (
        <Link href={next} className="button">
          {worstFirst ? 'Better' : 'Next'} (n)
        </Link>
      )}
    </div>
  );
}

interface ScoresProps {
  readonly scores: CaseScores | undefined;
  readonly volumesMl: CaseMeasures['volumesMl'];
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  /** Where the numbers come from, or why there are none. */
  readonly note: string;
}

function Scores({ scores, volumesMl, labels, note }: ScoresProps) {
  return (
    <>
      <h3>Dice {dice(scores?.dice)}</h3>
      <dl className="facts">
        {labels.map(({ value, name }) => {
          const ofClass = scores?.classes[value];
          const missing = whyNoDistance(ofClass);
          const volume = volumesMl.find((each) => each.value === value);
          return (
            <div key={value}>
              <dt>{name}</dt>
              <dd>
                Dice {dice(ofClass?.dice)}
                <br />
                {missing === null ? `HD95 ${number(ofClass?.hd95Mm)} mm` : `No HD95: ${MISSING_IN_WORDS[missing]}`}
                {volume !== undefined && (
                  <>
                    <br />
                    {volumeInWords(volume)}
                  </>
                )}
              </dd>
            </div>
          );
        })}
      </dl>
      <p className="muted">{note}</p>
    </>
  );
}

/** "3.2 ml predicted, 3.05 ml true (+5 %)". */
function volumeInWords({ predicted, truth }: CaseMeasures['volumesMl'][number]): string {
  const ml = (value: number): string => `${number(Number(value.toPrecision(3)))}\u00a0ml`;
  if (truth === null) return `${ml(predicted)} predicted`;
  const off =
    truth === 0 ? '' : ` (${predicted >= truth ? '+' : ''}${(((predicted - truth) / truth) * 100).toFixed(0)}\u00a0%)`;
  return `${ml(predicted)} predicted, ${ml(truth)} true${off}`;
}

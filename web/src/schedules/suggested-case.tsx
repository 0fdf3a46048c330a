import type { DatasetDetail } from '@voxhelm/contracts/api';
import type { SuggestionView } from '@voxhelm/contracts/api-schedules';
import { MEASURES } from '@voxhelm/contracts/words';
import { lazy, Suspense, useMemo, useState } from 'react';
import { ErrorNote } from '../components/error-note.tsx';
import { dice } from '../format.ts';
import { LabelItems, LayerSliders } from '../viewer/layer-controls.tsx';
import { useVolume } from '../viewer/use-case.ts';
import type { Layer } from '../viewer/volume-viewer.tsx';

const VolumeViewer = lazy(async () => ({ default: (await import('../viewer/volume-viewer.tsx')).VolumeViewer }));

interface SuggestedProps {
  readonly dataset: DatasetDetail;
  readonly view: SuggestionView;
  readonly caseId: string;
}

/** A case to label next: why it stands where it does, and over its image what the champion sees and where it is unsure. */
export function SuggestedCase({ dataset, view, caseId }: SuggestedProps) {
  const place = view.cases.findIndex((one) => one.caseId === caseId);
  const one = view.cases[place];
  const maps = one?.maps === true ? `/v1/suggestions/${view.id}/cases/${encodeURIComponent(caseId)}` : null;
  const image = useVolume(`/v1/datasets/${dataset.id}/cases/${encodeURIComponent(caseId)}/image`);
  const prediction = useVolume(maps && `${maps}/prediction`);
  const entropy = useVolume(maps && `${maps}/entropy`);
  const [opacities, setOpacities] = useState<Readonly<Record<string, number>>>({});
  // What is still coming would have the viewer load twice.
  const complete =
    image.data != null && (maps === null || (prediction.data !== undefined && entropy.data !== undefined));
  const layers = useMemo<Layer[]>(
    () =>
      LAYERS.flatMap((layer) => {
        const volume = { image: image.data, prediction: prediction.data, entropy: entropy.data }[layer.id];
        return volume == null || !complete ? [] : [{ ...layer, volume, opacity: opacities[layer.id] ?? layer.opacity }];
      }),
    [complete, image.data, prediction.data, entropy.data, opacities],
  );
  const labels = dataset.labels.filter(({ value }) => value !== 0);
  const names = useMemo(
    () => Object.fromEntries(dataset.labels.map(({ value, name }) => [value, name])),
    [dataset.labels],
  );
  const failure = image.error ?? prediction.error ?? entropy.error;
  if (one === undefined) return null;
  return (
    <>
      {failure !== null && <ErrorNote error={failure} />}
      <div className="case-page">
        {layers.length === 0 ? (
          <p className="loading">Loading volumes…</p>
        ) : (
          <Suspense fallback={<p className="loading">Loading the viewer…</p>}>
            <VolumeViewer
              layers={layers}
              labelNames={names}
              alone
              description={`Case ${caseId} in three planes and 3-D: ${layers.map(({ name }) => name.toLowerCase()).join(', ')}.`}
            />
          </Suspense>
        )}
        <aside aria-label="Why it is to be labelled, and layers">
          <h2>
            To label: {place + 1} of {view.cases.length}
          </h2>
          <Why view={view} place={place} />
          <h3>Layers</h3>
          <LayerSliders layers={layers} onOpacity={(id, opacity) => setOpacities({ ...opacities, [id]: opacity })} />
          {maps === null && (
            <p className="muted">What the champion predicts is kept for the head of the newest list.</p>
          )}
          <ul className="legend">
            <LabelItems labels={labels} shown={['prediction']} />
          </ul>
        </aside>
      </div>
    </>
  );
}

type LayerId = 'image' | 'prediction' | 'entropy';

const LAYERS: readonly (Omit<Layer, 'volume' | 'id'> & { readonly id: LayerId })[] = [
  { id: 'image', name: 'Image', kind: 'image', opacity: 1 },
  { id: 'prediction', name: 'Champion’s prediction', kind: 'labels', opacity: 0.5, predicted: true },
  { id: 'entropy', name: 'Uncertainty', kind: 'heat', opacity: 0, highest: 255 },
];

/** Its numbers, each with its place among the list's and what it means. */
function Why({ view, place }: { readonly view: SuggestionView; readonly place: number }) {
  const one = view.cases[place];
  if (one === undefined) return null;
  return (
    <>
      {Object.entries(MEASURES).map(([name, about]) => {
        const key = name.toLowerCase() as 'uncertainty' | 'disagreement' | 'novelty';
        const above = view.cases.filter((other) => other[key] > one[key]).length;
        return (
          <p key={name}>
            <strong>
              {name} {dice(one[key])}
            </strong>
            , {above === 0 ? 'the highest' : `number ${above + 1}`} of {view.cases.length}
            <br />
            <span className="muted">{about}</span>
          </p>
        );
      })}
    </>
  );
}

import { useQuery } from '@tanstack/react-query';
import type { RunDetail } from '@voxhelm/contracts/api';
import type { PredictionView } from '@voxhelm/contracts/api-predictions';
import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import { lazy, Suspense, useMemo, useRef, useState } from 'react';
import { get, request, send } from '../api/client.ts';
import { failure } from '../api/problem.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { ProgressBar } from '../components/progress-bar.tsx';
import { useDropArea } from '../components/use-drop-area.ts';
import { sendFiles } from '../dataset/send-files.ts';
import { duration, number } from '../format.ts';
import type { Prediction } from '../predict/predict-messages.ts';
import { type Predicting, type TriedImage, usePrediction } from '../predict/use-prediction.ts';
import type { CaseMeasures } from '../viewer/case-messages.ts';
import { LabelItems, LayerSliders } from '../viewer/layer-controls.tsx';
import { useMeasures } from '../viewer/use-case.ts';
import type { Layer } from '../viewer/volume-viewer.tsx';
import { GiveBack } from './give-back.tsx';

const VolumeViewer = lazy(async () => ({ default: (await import('../viewer/volume-viewer.tsx')).VolumeViewer }));

/** What is shown of a result, wherever it was computed. */
type Result = Pick<Prediction, 'label' | 'computedOn'> & Partial<Prediction>;

/** The ensemble on an image that the user drops: here in the browser, or on a trainer. */
export function TryIt({ run }: { readonly run: RunDetail }) {
  const bundle = run.artifacts.find(({ kind }) => kind === 'ensemble-bundle');
  if (bundle === undefined) {
    return <Empty title="There is no ensemble to try yet.">It is there when the run has completed.</Empty>;
  }
  return <WithBundle run={run} href={bundle.href} />;
}

function WithBundle({ run, href }: { readonly run: RunDetail; readonly href: string }) {
  const channels = run.plans[0]?.plan.modalities ?? [];
  const [images, setImages] = useState<TriedImage | null>(null);
  const here = usePrediction(href);
  const [trainerJob, setTrainerJob] = useState<string | null>(null);
  const trainer = useTrainerPrediction(trainerJob, run);
  const result: Result | null = here.state?.phase === 'done' ? here.state.prediction : (trainer.result ?? null);
  const busy = here.state?.phase === 'loading' || here.state?.phase === 'computing' || trainer.busy;
  const take = (files: FileList | null): void => {
    here.stop();
    setTrainerJob(null);
    const chosen = [...(files ?? [])].sort((a, b) => a.name.localeCompare(b.name));
    setImages(chosen.length === 0 ? null : chosen.map((file) => ({ name: file.name, blob: file })));
  };
  const onTrainer = async (): Promise<void> => {
    here.stop();
    const view = await send<PredictionView>('POST', `/v1/runs/${run.id}/predictions`, {
      images: await sendFiles(images ?? []),
    });
    setTrainerJob(view.id);
  };
  return (
    <>
      <ImageDrop channels={channels} images={images} onFiles={take} />
      <div className="actions">
        <button
          type="button"
          className="primary"
          disabled={images === null || busy}
          onClick={() => {
            setTrainerJob(null);
            if (images !== null) void here.start(images);
          }}
        >
          Segment it in this browser
        </button>
        {images !== null && !busy && <ConfirmButton label="Segment it on a trainer" action={onTrainer} />}
        {busy && (
          <button
            type="button"
            onClick={() => {
              here.stop();
              void forget(trainerJob);
              setTrainerJob(null);
            }}
          >
            Stop
          </button>
        )}
      </div>
      <p className="muted">
        In the browser the image stays on this computer: the bundle's members come here and are computed by WebGL where
        a graphics card is, else by WebAssembly. A trainer is faster for large images, and gets the image.
      </p>
      <HowFar state={here.state} />
      {trainer.message !== null && (
        <p className="note" role="status">
          {trainer.message}
        </p>
      )}
      {trainer.error !== null && <ErrorNote error={trainer.error} />}
      {images !== null && result !== null && <Outcome run={run} images={images} result={result} />}
    </>
  );
}

interface DropProps {
  readonly channels: readonly string[];
  readonly images: TriedImage | null;
  readonly onFiles: (files: FileList | null) => void;
}

function ImageDrop({ channels, images, onFiles }: DropProps) {
  const input = useRef<HTMLInputElement>(null);
  const area = useDropArea(({ files }) => onFiles(files));
  return (
    <section {...area} aria-label="Drop an image">
      <p>
        <strong>{images === null ? 'Drop a NIfTI image here.' : images.map(({ name }) => name).join(', ')}</strong>
      </p>
      <p className="muted">
        {channels.length <= 1
          ? `One ${channels[0] ?? ''} image, .nii or .nii.gz.`
          : `${channels.length} channels in the order ${channels.join(', ')}: one 4-D file, or one file for each, named …_0000, …_0001.`}
      </p>
      <div className="actions">
        <button type="button" onClick={() => input.current?.click()}>
          Choose an image
        </button>
      </div>
      <input
        ref={input}
        type="file"
        hidden
        multiple={channels.length > 1}
        accept=".nii,.gz"
        aria-label="Image to segment"
        data-testid="image"
        onChange={(event) => onFiles(event.target.files)}
      />
    </section>
  );
}

function HowFar({ state }: { readonly state: Predicting | null }) {
  if (state === null || state.phase === 'done') return null;
  if (state.phase === 'failed') return <ErrorNote error={state.error} />;
  if (state.phase === 'loading') return <p role="status">Bringing the bundle's members here…</p>;
  return (
    <p role="status">
      <ProgressBar value={state.total === 0 ? 0 : state.done / state.total} label="Windows predicted" /> {state.done} of{' '}
      {state.total} windows on the {state.computedOn}
      {state.secondsLeft === null ? '' : `, about ${duration(state.secondsLeft)} left`}
    </p>
  );
}

/** What to try where a trainer could not do it. */
const TRY_HERE = 'Look whether the image is of the kind that the run was made for; or segment it in this browser.';

/** Ends a prediction on a trainer and deletes its files; it may be gone already. */
async function forget(id: string | null): Promise<void> {
  if (id !== null) await send('DELETE', `/v1/predictions/${id}`).catch(() => undefined);
}

const isOver = (view: PredictionView | undefined): boolean => view?.state === 'completed' || view?.state === 'failed';

/** What a prediction on a new image has not: a truth, and what a study stored. */
const UNMEASURED = { truth: null, probabilities: null } as const;

const asPredicted = ({ value, predicted }: CaseMeasures['volumesMl'][number]) => ({ value, volumeMl: predicted });

/** What is looked for in the image. */
function labelsOf(run: RunDetail): readonly LabelDefinition[] {
  return (run.plans[0]?.plan.labels ?? []).filter(({ value }) => value !== 0);
}

/** Follows a prediction on a trainer and fetches what it left. */
function useTrainerPrediction(id: string | null, run: RunDetail) {
  const view = useQuery({
    queryKey: ['prediction', id],
    queryFn: ({ signal }) => get<PredictionView>(`/v1/predictions/${id}`, signal),
    enabled: id !== null,
    refetchInterval: ({ state }) => (isOver(state.data) ? false : 1_000),
    // Once it is over it is deleted below: a second look would find nothing and call that a failure.
    staleTime: ({ state }) => (isOver(state.data) ? Number.POSITIVE_INFINITY : 0),
  });
  const href = view.data?.href ?? null;
  const label = useQuery({
    queryKey: ['prediction', id, 'label'],
    queryFn: async ({ signal }) => {
      const label = await (await request(href ?? '', { signal })).blob();
      // It is here now: nothing of a patient's image stays on the server.
      await forget(id);
      return label;
    },
    enabled: href !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  // A trainer sends the label map alone: its volumes are counted here.
  const measured = useMeasures(
    `tried ${id}`,
    label.data === undefined
      ? null
      : { caseId: 'tried', labels: labelsOf(run).map(({ value }) => value), prediction: label.data, ...UNMEASURED },
  );
  const over = isOver(view.data);
  const failed = view.data?.state === 'failed' ? failure(view.data.message, TRY_HERE) : null;
  return {
    busy: id !== null && !over && view.error === null,
    message: id === null || over ? null : (view.data?.message ?? 'Sent to the trainers.'),
    error: view.error ?? label.error ?? failed,
    result:
      label.data === undefined
        ? null
        : {
            label: label.data,
            computedOn: 'trainer',
            ...(measured.data === undefined ? {} : { volumesMl: measured.data.volumesMl.map(asPredicted) }),
          },
  };
}

interface OutcomeProps {
  readonly run: RunDetail;
  readonly images: TriedImage;
  readonly result: Result;
}

function Outcome({ run, images, result }: OutcomeProps) {
  const [opacities, setOpacities] = useState({ image: 1, prediction: 0.45, uncertainty: 0 });
  const labels = labelsOf(run);
  const names = useMemo(() => Object.fromEntries(labels.map(({ value, name }) => [value, name])), [run.id]);
  const { label, uncertainty } = result;
  const [first] = images;
  const layers = useMemo<Layer[]>(
    () => [
      ...(first === undefined
        ? []
        : [{ id: 'image', name: 'Image', kind: 'image' as const, volume: first.blob, opacity: opacities.image }]),
      {
        id: 'prediction',
        name: 'Prediction',
        kind: 'labels',
        predicted: true,
        volume: label,
        opacity: opacities.prediction,
      },
      ...(uncertainty === undefined
        ? []
        : [
            {
              id: 'uncertainty',
              name: 'Uncertainty',
              kind: 'heat' as const,
              volume: uncertainty,
              opacity: opacities.uncertainty,
            },
          ]),
    ],
    [first, label, uncertainty, opacities],
  );
  const stem = (first?.name ?? 'image').replace(/\.nii(\.gz)?$/i, '');
  return (
    <section aria-label="Result">
      <h2>Result</h2>
      <div className="case-page">
        <Suspense fallback={<p className="loading">Loading the viewer…</p>}>
          <VolumeViewer
            layers={layers}
            labelNames={names}
            alone
            description={`${stem} with the ensemble's prediction in three planes and 3-D`}
          />
        </Suspense>
        <aside aria-label="Layers and volumes">
          <h3>Layers</h3>
          <LayerSliders layers={layers} onOpacity={(id, opacity) => setOpacities({ ...opacities, [id]: opacity })} />
          <ul className="legend">
            <LabelItems
              shown={['prediction']}
              labels={labels.map(({ value, name }) => {
                const volume = result.volumesMl?.find((each) => each.value === value)?.volumeMl;
                const told = volume === undefined ? '' : `, ${number(Number(volume.toPrecision(3)))} ml`;
                return { value, name: `${name}${told}` };
              })}
            />
          </ul>
          <p className="muted" role="status">
            Computed on the {result.computedOn}
            {result.elapsedMs === undefined ? '' : ` in ${duration(result.elapsedMs / 1_000)}`}.
          </p>
          <button type="button" className="primary" onClick={() => save(label, `${stem}_label.nii.gz`)}>
            Download the label map
          </button>
        </aside>
      </div>
      <GiveBack run={run} stem={stem} images={images} predicted={label} />
    </section>
  );
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

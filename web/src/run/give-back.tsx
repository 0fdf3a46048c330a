import { useQuery } from '@tanstack/react-query';
import type { DatasetView, RunDetail } from '@voxhelm/contracts/api';
import type { LabelGiven } from '@voxhelm/contracts/api-labels';
import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { getAll, send } from '../api/client.ts';
import { ApiError } from '../api/problem.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { sendFiles } from '../dataset/send-files.ts';
import type { TriedImage } from '../predict/use-prediction.ts';
import { giveLabel } from '../schedules/give-label.tsx';

interface GiveBackProps {
  readonly run: RunDetail;
  readonly stem: string;
  readonly images: TriedImage;
  readonly predicted: Blob;
}

/** A mask that was corrected elsewhere (3D Slicer, ITK-SNAP), or the prediction as it is, goes back to a dataset. */
export function GiveBack({ run, stem, images, predicted }: GiveBackProps) {
  const [mask, setMask] = useState<File | null>(null);
  const [caseId, setCaseId] = useState(stem.replaceAll(/[^\w.-]/g, '_'));
  const [datasetId, setDatasetId] = useState(run.datasetId);
  const [heldOut, setHeldOut] = useState(false);
  const [said, setSaid] = useState<ReactNode>(null);
  const datasets = useWatchedDatasets(run);
  const label = (): File => mask ?? new File([predicted], `${caseId}.nii.gz`);
  const give = async (): Promise<void> => {
    const { message } = await giveOrAdd(datasetId, caseId, label(), images, heldOut);
    setSaid(
      <>
        {message} <Link href={`/datasets/${datasetId}`}>The dataset</Link>
      </>,
    );
  };
  const makeNew = async (): Promise<void> => {
    const [sent] = await sendFiles([{ name: label().name, blob: label() }]);
    const made = await send<DatasetView>('POST', `/v1/datasets/${datasetId}/corrections`, {
      caseId,
      label: sent,
      images: await sendFiles(images),
    });
    setSaid(
      <>
        <Link href={`/datasets/${made.id}`}>{made.name}</Link> is being checked.{' '}
        <Link href={`/submit?dataset=${made.id}`}>Submit a run on it</Link>
      </>,
    );
  };
  return (
    <section className="panel" aria-label="Back to the dataset">
      <h2>Back to the dataset</h2>
      <p>
        Download the label map, correct it in 3D Slicer or ITK-SNAP, and give it back here. It goes into the dataset
        itself, where schedules find it and the earlier label is kept, or makes a new dataset beside it.
      </p>
      <div className="form-grid">
        <label className="field">
          Dataset
          <select value={datasetId} onChange={(event) => setDatasetId(event.target.value)}>
            {datasets.map(({ id, name, watched }) => (
              <option key={id} value={id}>
                {name}
                {watched ? ' (watched)' : ''}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          Case
          <input type="text" value={caseId} onChange={(event) => setCaseId(event.target.value)} />
          <span className="muted">A case of the dataset gets this label map; another name adds a case.</span>
        </label>
        <label className="field">
          Corrected label map
          <input
            type="file"
            accept=".nii,.gz"
            data-testid="mask"
            onChange={(event) => setMask(event.target.files?.[0] ?? null)}
          />
          <span className="muted">Empty: the prediction as it is.</span>
        </label>
        <label className="field">
          Also where models are judged by it
          <input type="checkbox" checked={heldOut} onChange={(event) => setHeldOut(event.target.checked)} />
          <span className="muted">Labels of comparison and test cases change only then.</span>
        </label>
      </div>
      <div className="actions">
        <ConfirmButton label="Give it to the dataset" action={give} tone="primary" />
        <ConfirmButton label="Make a new dataset of it" action={makeNew} />
      </div>
      {said !== null && (
        <p className="note" role="status">
          {said}
        </p>
      )}
    </section>
  );
}

/** The case's label where the dataset has the case, else the case with its images. */
async function giveOrAdd(
  datasetId: string,
  caseId: string,
  label: File,
  images: TriedImage,
  heldOut: boolean,
): Promise<LabelGiven> {
  try {
    return await giveLabel(datasetId, caseId, label, heldOut);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
  const [sent, ...channels] = await sendFiles([{ name: label.name, blob: label }, ...images]);
  return send<LabelGiven>('POST', `/v1/datasets/${datasetId}/cases`, { caseId, images: channels, label: sent });
}

/** The run's own dataset first, then the others that schedules watch. */
function useWatchedDatasets({ datasetId, datasetName }: RunDetail) {
  const schedules = useQuery({
    queryKey: ['schedules'],
    queryFn: ({ signal }) => getAll<ScheduleView>('/v1/schedules', signal),
  });
  const watched = new Map(schedules.data?.map((one) => [one.datasetId, one.datasetName]));
  const others = [...watched].filter(([id]) => id !== datasetId);
  return [
    { id: datasetId, name: datasetName, watched: watched.has(datasetId) },
    ...others.map(([id, name]) => ({ id, name, watched: true })),
  ];
}

import type { Finding } from '@voxhelm/contracts/dataset';
import { lazy, Suspense, useState } from 'react';
import { ErrorNote } from '../components/error-note.tsx';
import { ProgressBar } from '../components/progress-bar.tsx';
import type { Repair } from '../dataset/check-messages.ts';
import { shownPath } from '../dataset/drop-case.ts';
import type { Checking } from '../dataset/use-check.ts';
import { duration } from '../format.ts';

const PairViewer = lazy(async () => ({ default: (await import('./pair-viewer.tsx')).PairViewer }));

const LAYOUTS: Readonly<Record<string, string>> = {
  decathlon: 'Medical Segmentation Decathlon (dataset.json)',
  nnunet: 'nnU-Net v2 raw folder',
  auto3dseg: 'Auto3DSeg datalist',
  folder: 'folder with imagesTr and labelsTr',
};

interface ReportProps {
  readonly checking: Checking;
  readonly repair: (repair: Repair, inWords: string) => Promise<void>;
  readonly drop: (caseId: string) => Promise<void>;
}

/** What the check in this browser found, before anything is sent; each fault with its pair of images and what mends it. */
export function CheckReport({ checking, repair, drop }: ReportProps) {
  const { datalist, check, refused, done, total } = checking;
  if (refused !== null) return <ErrorNote error={Object.assign(new Error(refused.message), { fix: refused.fix })} />;
  const findings = check?.findings ?? [];
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return (
    <section className="panel" aria-label="Check of the dataset">
      {datalist === null ? (
        <p>Reading the list of cases…</p>
      ) : (
        <p>
          Recognised as <strong>{LAYOUTS[datalist.layout]}</strong>: {datalist.training.length} training and{' '}
          {datalist.testing.length} test cases, {datalist.modalities.join(', ') || 'modality unknown'}, labels{' '}
          {datalist.labels.map(({ value, name }) => `${value} ${name}`).join(', ') || 'as found'}.
        </p>
      )}
      {check === null ? (
        <p role="status">
          Checking in this browser, nothing is sent yet.{' '}
          <ProgressBar value={total === 0 ? 0 : done / total} label="Cases checked" /> {done} of {total}
        </p>
      ) : (
        <p role="status" className={errors > 0 ? 'note bad' : 'note'}>
          {errors === 0 ? `All ${check.cases.length} cases are sound` : `${errors} faults`}
          {findings.length > errors && `, ${findings.length - errors} warnings`}, checked in{' '}
          {duration((checking.elapsedMs ?? 0) / 1_000)}.
        </p>
      )}
      {checking.choices.length > 0 && (
        <>
          <h3>Your choices, kept with the dataset</h3>
          <ul>
            {checking.choices.map((choice) => (
              <li key={choice}>{choice}</li>
            ))}
          </ul>
        </>
      )}
      {findings.map((finding) => (
        <FindingItem
          key={`${finding.case} ${finding.file} ${finding.code}`}
          finding={finding}
          checking={checking}
          repair={repair}
          drop={drop}
        />
      ))}
    </section>
  );
}

interface ItemProps extends ReportProps {
  readonly finding: Finding;
}

function FindingItem({ finding, checking, repair, drop }: ItemProps) {
  const [shown, setShown] = useState(false);
  const [failed, setFailed] = useState<unknown>(null);
  const subject = [...(checking.datalist?.training ?? []), ...(checking.datalist?.testing ?? [])].find(
    ({ caseId }) => caseId === finding.case,
  );
  const [image, label] = [
    shownPath(subject?.images[0] ?? ''),
    subject?.label == null ? null : shownPath(subject.label),
  ];
  const blobOf = (path: string | null): Blob | undefined => checking.files.find((file) => file.path === path)?.file;
  const [imageBlob, labelBlob] = [blobOf(image), blobOf(label)];
  const run = (work: Promise<void>): void => {
    work.catch(setFailed);
  };
  return (
    <article className="finding">
      <p>
        <span className={`badge ${finding.severity === 'error' ? 'bad' : 'warn'}`}>{finding.severity}</span>{' '}
        <strong>{finding.case}</strong> <code>{shownPath(finding.file)}</code>
      </p>
      <p>{finding.message}</p>
      <p className="muted">
        {finding.code === 'modality-unknown' ? 'Choose it below, at “Modality” under “Everything else”.' : finding.fix}
      </p>
      <div className="actions">
        {imageBlob !== undefined && finding.code !== 'unreadable' && (
          <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? 'Hide' : 'Show'} {labelBlob === undefined ? 'the image' : 'image and label'}
          </button>
        )}
        {label !== null &&
          imageBlob !== undefined &&
          (finding.code === 'shape-mismatch' || finding.code === 'affine-mismatch') && (
            <button
              type="button"
              onClick={() =>
                run(
                  repair(
                    { action: 'resample-label', caseId: finding.case, image, label },
                    `${finding.case}: label resampled onto the image (nearest neighbour)`,
                  ),
                )
              }
            >
              Resample the label onto the image
            </button>
          )}
        {label !== null && finding.code === 'affine-mismatch' && (
          <button
            type="button"
            onClick={() =>
              run(
                repair(
                  { action: 'take-image-affine', caseId: finding.case, image, label },
                  `${finding.case}: label given the image's affine`,
                ),
              )
            }
          >
            Give the label the image's affine
          </button>
        )}
        {label !== null && finding.code === 'label-outside-set' && (
          <MapValues
            finding={finding}
            labels={checking.datalist?.labels ?? []}
            map={(values) =>
              run(
                repair(
                  { action: 'map-values', caseId: finding.case, label, values },
                  `${finding.case}: label values mapped (${Object.entries(values)
                    .map(([from, to]) => `${from} to ${to}`)
                    .join(', ')})`,
                ),
              )
            }
          />
        )}
        {subject !== undefined && (
          <button type="button" onClick={() => run(drop(finding.case))}>
            Drop the case
          </button>
        )}
      </div>
      {failed !== null && <ErrorNote error={failed} />}
      {shown && imageBlob !== undefined && (
        <Suspense fallback={<p className="loading">Loading the viewer…</p>}>
          <PairViewer
            image={imageBlob}
            label={labelBlob ?? null}
            labels={checking.datalist?.labels ?? []}
            name={finding.case}
          />
        </Suspense>
      )}
    </article>
  );
}

interface MapProps {
  readonly finding: Finding;
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  readonly map: (values: Record<string, number>) => void;
}

/** Which declared value each strange one means. */
function MapValues({ finding, labels, map }: MapProps) {
  const strange = [...finding.message.matchAll(/(-?\d+) \(\d+ voxels\)/g)].map((match) => match[1] ?? '');
  const [to, setTo] = useState<Record<string, number>>({});
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        map(Object.fromEntries(strange.map((value) => [value, to[value] ?? 0])));
      }}
    >
      {strange.map((value) => (
        <label key={value}>
          {value} means{' '}
          <select value={to[value] ?? 0} onChange={(event) => setTo({ ...to, [value]: Number(event.target.value) })}>
            {labels.map((label) => (
              <option key={label.value} value={label.value}>
                {label.value} {label.name}
              </option>
            ))}
          </select>
        </label>
      ))}
      <button type="submit">Map the values</button>
    </form>
  );
}

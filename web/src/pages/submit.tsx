import { useQuery } from '@tanstack/react-query';
import type { DatasetView, RunDetail, RunView } from '@voxhelm/contracts/api';
import type { RunRequestInput } from '@voxhelm/contracts/run';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { get, getAll, send } from '../api/client.ts';
import { ApiError, fieldOf } from '../api/problem.ts';
import { runQuery } from '../api/run-live.ts';
import { ErrorNote } from '../components/error-note.tsx';
import { type Uploading, uploadDataset } from '../dataset/upload.ts';
import { useDatasetCheck } from '../dataset/use-check.ts';
import { useQueryState } from '../query-state.ts';
import { AsCode } from '../submit/as-code.tsx';
import { CheckReport } from '../submit/check-report.tsx';
import { DropZone } from '../submit/drop-zone.tsx';
import { type FormValues, faultsOf, labelOf, placeFaults, requestOf, valuesOf } from '../submit/fields.ts';
import { RunForm } from '../submit/run-form.tsx';
import { rememberedSubmitter, rememberSubmitter } from '../submit/submitter.ts';
import { UploadProgress } from '../submit/upload-progress.tsx';
import { uniqueKey } from '../unique.ts';
import { useTitle } from '../use-title.ts';

/** Submit a run: choose or drop a dataset, set what matters, see the same as code, send. */
export function SubmitPage() {
  useTitle('Submit');
  const [, go] = useLocation();
  const [dataset, setDataset] = useQueryState('dataset');
  const [clone] = useQueryState('clone');
  const [branch] = useQueryState('branch');
  const { data: datasets } = useQuery({
    queryKey: ['datasets'],
    queryFn: ({ signal }) => getAll<DatasetView>('/v1/datasets', signal),
  });
  const { data: system } = useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => get<{ algorithms: string[] }>('/v1/system', signal),
  });
  const form = useForm(branch === '' ? clone : branch, branch !== '');
  const { state: checking, start, repair, drop } = useDatasetCheck();
  const [uploading, setUploading] = useState<Uploading | null>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  const droppedName = checking?.datalist?.name ?? 'dataset';
  const chosen = checking !== null ? droppedName : dataset || form.base.dataset;
  const registered = (datasets ?? []).some(({ id }) => id === chosen);
  const request = requestOf({ ...form.base, dataset: chosen }, form.values, form.algorithms);
  const wrong = faultsOf(request);
  if (checking?.datalist?.modalities.length === 0 && request.modality === undefined) {
    wrong.set('modality', 'Nothing in the dataset says its modality: choose it');
  }
  const { byField: faults, others } = placeFaults([...wrong, ...serverFaults(failed)]);
  const change = (path: string, value: string): void => {
    // What the service refused may hold no more.
    setFailed(null);
    form.change(path, value);
  };
  const unsound = (checking?.check?.findings ?? []).some(({ severity }) => severity === 'error');
  const waits = checking !== null && !checking.hashed;
  const ready =
    chosen !== '' &&
    !waits &&
    checking?.refused == null &&
    wrong.size === 0 &&
    (!unsound || request.skipInvalid === true);

  const submit = async (): Promise<void> => {
    setBusy(true);
    setFailed(null);
    rememberSubmitter(request.submittedBy ?? '');
    try {
      const id =
        checking === null
          ? chosen
          : (await uploadDataset(checking, { name: droppedName, ...modalityOf(request) }, setUploading)).id;
      const run = await send<RunView>(
        'POST',
        '/v1/runs',
        { ...request, dataset: id },
        { 'idempotency-key': uniqueKey() },
      );
      go(`/runs/${run.id}`);
    } catch (error) {
      setFailed(error);
      setBusy(false);
    }
  };

  return (
    <>
      <h1>{branch === '' ? 'Submit a run' : `Branch ${form.from ?? 'a run'}`}</h1>
      {form.base.branch !== undefined && <BranchChoice branch={form.base.branch} onKeep={form.keep} />}
      {form.base.branch === undefined && <h2>Dataset</h2>}
      <div className="choice" hidden={form.base.branch !== undefined}>
        <DropZone
          onDataset={({ files, name }) => {
            setDataset('');
            start(files, name, []);
          }}
        />
        <div className="panel">
          <label className="field">
            A registered dataset
            <select
              value={checking === null && registered ? chosen : ''}
              onChange={(event) => setDataset(event.target.value)}
            >
              <option value="">{checking === null ? 'choose…' : 'the dropped one'}</option>
              {(datasets ?? []).map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name} ({each.state}
                  {each.trainingCases === null ? '' : `, ${each.trainingCases} cases`})
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            Or a folder that the server can read
            <input
              type="text"
              placeholder="/data/Task04_Hippocampus"
              value={registered ? '' : dataset}
              onChange={(event) => setDataset(event.target.value)}
            />
          </label>
          {faults.has('dataset') && chosen !== '' && <p className="field-error">{faults.get('dataset')}</p>}
        </div>
      </div>
      {checking !== null && <CheckReport checking={checking} repair={repair} drop={drop} />}
      <h2>Run</h2>
      <form
        className="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <RunForm
          values={form.values}
          onChange={change}
          faults={faults}
          algorithms={system?.algorithms ?? []}
          chosen={form.algorithms}
          onAlgorithms={form.setAlgorithms}
        />
        <AsCode request={request} dropped={checking !== null} />
        {failed !== null && <ErrorNote error={failed} />}
        {uploading !== null && <UploadProgress uploading={uploading} />}
        <p className="row">
          <button type="submit" className="primary" disabled={!ready || busy}>
            {checking === null ? 'Submit' : 'Upload and submit'}
          </button>
          <span className="muted" role="status">
            {whatIsMissing({ chosen, waits, unsound: unsound && request.skipInvalid !== true, faults, others })}
          </span>
        </p>
      </form>
    </>
  );
}

interface Missing {
  readonly chosen: string;
  readonly waits: boolean;
  readonly unsound: boolean;
  readonly faults: ReadonlyMap<string, string>;
  readonly others: readonly string[];
}

/** What has to be done before the run can be submitted; empty where nothing has. */
function whatIsMissing({ chosen, waits, unsound, faults, others }: Missing): string {
  if (chosen === '') return 'Choose or drop a dataset.';
  if (faults.size > 0) return `To mend: ${[...faults.keys()].map(labelOf).join(', ')}.`;
  if (others.length > 0) return `To mend in the request: ${others.join('; ')}.`;
  if (waits) return 'Checking the dataset…';
  return unsound ? 'Mend or drop the faulty cases, or go on without them (under “everything else”).' : '';
}

const modalityOf = ({ modality }: RunRequestInput) => (modality === undefined ? {} : { modality });

interface BranchProps {
  readonly branch: NonNullable<RunRequestInput['branch']>;
  readonly onKeep: (keep: 'analysis' | 'trials') => void;
}

/** What the new run takes over from the one that it branches off. */
function BranchChoice({ branch, onKeep }: BranchProps) {
  return (
    <fieldset className="field panel">
      <legend>Start again from</legend>
      <div className="checks">
        {(
          [
            ['trials', 'its finished trials: the search goes on from them, with another space or more time'],
            ['analysis', 'its analysis alone: everything is trained anew'],
          ] as const
        ).map(([keep, words]) => (
          <label key={keep}>
            <input type="radio" name="keep" checked={branch.keep === keep} onChange={() => onKeep(keep)} /> {words}
          </label>
        ))}
      </div>
      <span className="muted">
        “Search trials” counts those that are taken over. Trials of algorithms that the new run leaves out, and those
        that are no points of another search space, are not: its events tell how many. Winners train on the other folds
        anew. The first run stays as it is.
      </span>
    </fieldset>
  );
}

/** The form's state; filled from the run that is cloned, or branched off. */
function useForm(clone: string, branches: boolean) {
  const [values, setValues] = useState<FormValues>(whoSubmits);
  const [algorithms, setAlgorithms] = useState<readonly string[]>([]);
  const [base, setBase] = useState<RunRequestInput>({ dataset: '' });
  const { data: run } = useQuery<RunDetail>({ ...runQuery(clone), enabled: clone !== '' });
  useEffect(() => {
    if (run === undefined) return;
    const { seed, skipInvalid, branch: _, submittedBy: __, ...request } = run.request;
    const shown: RunRequestInput = {
      ...request,
      dataset: run.datasetId,
      ...(seed === 0 ? {} : { seed }),
      ...(skipInvalid ? { skipInvalid } : {}),
      name: `${run.name} ${branches ? 'branched' : 'again'}`.slice(0, 200),
      ...(branches ? { branch: { run: run.id, keep: 'trials' as const } } : {}),
    };
    setBase(shown);
    setValues({ ...valuesOf(shown), ...whoSubmits() });
    setAlgorithms(request.algorithms ?? []);
    // Once for each run: it is read anew while it goes on, and what was typed since must stay.
  }, [run?.id, branches]);
  const change = (path: string, value: string): void => setValues((known) => ({ ...known, [path]: value }));
  const keep = (what: 'analysis' | 'trials'): void =>
    setBase((known) => (known.branch === undefined ? known : { ...known, branch: { ...known.branch, keep: what } }));
  return { values, change, algorithms, setAlgorithms, base, keep, from: run?.name };
}

/** Whoever clones or branches a run submits the new one. */
function whoSubmits(): FormValues {
  const submittedBy = rememberedSubmitter();
  return submittedBy === '' ? {} : { submittedBy };
}

/** What the service refused, by field. */
function serverFaults(error: unknown): [string, string][] {
  if (!(error instanceof ApiError)) return [];
  return (error.problem?.errors ?? []).map(({ pointer, message }) => [fieldOf(pointer), message]);
}

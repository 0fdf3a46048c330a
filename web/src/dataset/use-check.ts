import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Datalist, DatasetCheck } from '@voxhelm/contracts/dataset';
import { useCallback, useEffect, useRef, useState } from 'react';
import { failure } from '../api/problem.ts';
import type { CheckAnswer, CheckRequest, Repair } from './check-messages.ts';
import { dropCase } from './drop-case.ts';
import type { DroppedFile } from './node/files.ts';

/** Where the check of dropped files stands. */
export interface Checking {
  readonly files: readonly DroppedFile[];
  /** What was dropped is called: its folder or archive. */
  readonly name: string | null;
  readonly datalist: Datalist | null;
  readonly done: number;
  readonly total: number;
  readonly check: DatasetCheck | null;
  readonly summary: AnalysisSummary | null;
  readonly elapsedMs: number | null;
  /** SHA-256 by path; whole when `hashed`. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly hashed: boolean;
  readonly refused: { readonly message: string; readonly fix: string | null } | null;
  /** What the user had changed, in words. */
  readonly choices: readonly string[];
}

/** What to try where the check itself broke. */
const CHECK_AGAIN =
  'Drop the dataset again. One that is too large for this browser is given to the server by its folder there.';

const NOTHING: Omit<Checking, 'files' | 'name' | 'choices'> = {
  datalist: null,
  done: 0,
  total: 0,
  check: null,
  summary: null,
  elapsedMs: null,
  hashes: new Map(),
  hashed: false,
  refused: null,
};

/** Checks dropped files in a worker; mends them as the user chooses, and checks again. */
export function useDatasetCheck() {
  const worker = useRef<Worker | null>(null);
  const [state, setState] = useState<Checking | null>(null);
  const hashes = useRef(new Map<string, string>());

  const start = useCallback((files: readonly DroppedFile[], name: string | null, choices: readonly string[]) => {
    worker.current?.terminate();
    const made = new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' });
    worker.current = made;
    hashes.current = new Map();
    setState({ ...NOTHING, files, name, choices });
    made.onmessage = ({ data }: MessageEvent<CheckAnswer>) => {
      if (data.kind === 'hash') hashes.current.set(data.path, data.sha256);
      else setState((known) => known && take(known, data, hashes.current));
    };
    made.onerror = (event) => {
      setState(
        (known) => known && { ...known, refused: { message: `The check stopped: ${event.message}`, fix: CHECK_AGAIN } },
      );
    };
    const request: CheckRequest = { kind: 'check', files, name };
    made.postMessage(request);
  }, []);
  useEffect(() => () => worker.current?.terminate(), []);

  const repair = useCallback(
    async (wanted: Repair, inWords: string) => {
      if (state === null || worker.current === null) return;
      const { path, file } = await mend(worker.current, wanted);
      const files = state.files.map((each) => (each.path === path ? { path, file } : each));
      start(files, state.name, [...state.choices, inWords]);
    },
    [state, start],
  );

  const drop = useCallback(
    async (caseId: string) => {
      if (state?.datalist == null) return;
      start(await dropCase(state.files, state.datalist, caseId), state.name, [...state.choices, `${caseId}: dropped`]);
    },
    [state, start],
  );

  return { state, start, repair, drop };
}

function take(known: Checking, message: CheckAnswer, hashes: ReadonlyMap<string, string>): Checking {
  switch (message.kind) {
    case 'datalist':
      return { ...known, datalist: message.datalist };
    case 'progress':
      return { ...known, done: message.done, total: message.total };
    case 'checked':
      return { ...known, check: message.check, summary: message.summary, elapsedMs: message.elapsedMs };
    case 'hashed':
      return { ...known, hashes, hashed: true };
    case 'refused':
      return { ...known, refused: message };
    default:
      return known;
  }
}

function mend(worker: Worker, repair: Repair): Promise<{ path: string; file: Blob }> {
  return new Promise((resolve, reject) => {
    const onMessage = ({ data }: MessageEvent<CheckAnswer>): void => {
      if (data.kind !== 'repaired' && data.kind !== 'refused') return;
      worker.removeEventListener('message', onMessage);
      if (data.kind === 'repaired') resolve(data);
      else reject(failure(data.message, data.fix));
    };
    worker.addEventListener('message', onMessage);
    const request: CheckRequest = { kind: 'repair', repair };
    worker.postMessage(request);
  });
}

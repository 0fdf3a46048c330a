import type { ArtifactStore } from './artifact-store.ts';

/*
 * The log of a trial's attempts: what the trainer and the training's process said, a text file for each attempt. It is written
 * by whoever has the attempt, so a trainer that was thought dead cannot overwrite what its successor says.
 */

/** Where a trial's files lie in the artifact store. */
export function trialPrefix(runId: string, trialId: string): string {
  return `runs/${runId}/trials/${trialId}`;
}

/** Where the log of one attempt lies: of the lease-th time that the trial was handed out, Temporal's attempt from 1. */
function logKey(prefix: string, lease: number, attempt: number): string {
  return `${prefix}/log-${lease}-${attempt}.txt`;
}

/** A log that is being written. */
export interface TrialLog {
  /** Adds a line, with the time before it. */
  line(level: string, message: string): void;
  /** Writes what is not yet written; call it last. */
  close(): Promise<void>;
}

/** Lines kept of a log that grows too long: its beginning (what was planned) and its end (what went wrong). */
const [FIRST_LINES, LAST_LINES] = [500, 4_500];
const LONGEST_LINE = 1_000;
/** Attempts that one handing out may have (workflows/proxies.ts tries five times), with room. */
const MOST_ATTEMPTS = 10;
const WRITE_EVERY_MS = 3_000;

/**
 * Opens the log of an attempt. A store that cannot be written is told to `failed` once: a training does not end for its log.
 */
export function openTrialLog(
  store: ArtifactStore,
  { artifactPrefix, lease, attempt }: { artifactPrefix: string; lease: number; attempt: number },
  failed: (error: unknown) => void,
): TrialLog {
  const key = logKey(artifactPrefix, lease, attempt);
  const lines: string[] = [];
  let leftOut = 0;
  let written = Promise.resolve();
  let changed = false;
  let told = false;

  function write(): Promise<void> {
    if (!changed) return written;
    changed = false;
    written = written.then(async () => {
      try {
        await store.write(key, Buffer.from(`${shown(lines, leftOut).join('\n')}\n`));
      } catch (error) {
        if (!told) failed(error);
        told = true;
      }
    });
    return written;
  }

  const timer = setInterval(() => void write(), WRITE_EVERY_MS);
  timer.unref();
  return {
    line(level, message) {
      const at = new Date().toISOString();
      for (const part of message.split('\n').filter((each) => each !== '')) {
        lines.push(`${at} ${level.padEnd(5)} ${part.slice(0, LONGEST_LINE)}`);
      }
      const over = lines.length - FIRST_LINES - LAST_LINES;
      if (over > 0) {
        lines.splice(FIRST_LINES, over);
        leftOut += over;
      }
      const first = !changed && lines.length <= 1;
      changed = true;
      if (first) void write();
    },
    close() {
      clearInterval(timer);
      return write();
    },
  };
}

function shown(lines: readonly string[], leftOut: number): readonly string[] {
  if (leftOut === 0) return lines;
  return [...lines.slice(0, FIRST_LINES), `… ${leftOut} lines are left out …`, ...lines.slice(FIRST_LINES)];
}

/** The logs of a trial's attempts that lie in the store, oldest first; of `leases`, the times that it was handed out. */
export async function readTrialLogs(store: ArtifactStore, prefix: string, leases: number): Promise<string> {
  const parts: string[] = [];
  for (let lease = 1; lease <= leases; lease += 1) {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
      const text = await store.peek(logKey(prefix, lease, attempt));
      // One that died before its first line, or was of a version without logs, hides no later one.
      if (text === null) continue;
      parts.push(`--- handed out ${lease}, attempt ${attempt}\n${text}`);
    }
  }
  return parts.join('\n');
}

import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ErrorRecord } from '@voxhelm/contracts/errors';
import { saysOutOfMemory } from './memory-words.ts';
import type { ChildMessage, Heartbeat, JobRequest, LogLevel } from './messages.ts';
import { typescriptArguments } from './typescript-loader.ts';

/** How a job's child process is started, told of and ended. */
export interface SuperviseOptions {
  /** The program that the child runs. */
  readonly entry: URL;
  readonly request: JobRequest;
  /** Aborting asks the child to save and stop (SIGTERM), and ends it (SIGKILL) after `killAfterMs`. */
  readonly signal: AbortSignal;
  onProgress(heartbeat: Heartbeat): void;
  onLog?(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** What the child's libraries print, line by line or more. */
  onOutput?(text: string): void;
  /** Milliseconds from SIGTERM to SIGKILL: as long as a checkpoint may take to be written. */
  readonly killAfterMs?: number;
  /** Milliseconds without a word from the child after which it counts as hung and is ended. */
  readonly stallMs?: number;
  /** {@link memoryKills}; another one in tests. */
  readonly memoryKills?: () => number | null;
}

/** What is known of a child that did not bring a result, in the shape of an outcome so that it can be logged as it is. */
export interface JobFailure {
  readonly ok: false;
  readonly error: ErrorRecord;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It said so, its log does, or it was killed from outside (then a guess where `killedForMemory` is false). */
  readonly outOfMemory: boolean;
  /** Ended from outside, without a word of its own or of its libraries about memory. */
  readonly killed: boolean;
  /** Whether the kernel killed a process for lack of memory while the child ran; null: it was not killed, or the kernel counts nothing. */
  readonly killedForMemory: boolean | null;
  readonly lastStep: number | null;
  /** Of its last heartbeat. */
  readonly lastPhase: string | null;
  /** Last lines of its stdout and stderr. */
  readonly logTail: string;
}

/** How a job ended: its value or a {@link JobFailure}. */
export type JobOutcome = { readonly ok: true; readonly value: unknown } | JobFailure;

const KILL_AFTER_MS = 25_000; // Within the worker's 30 s of grace.
const STALL_MS = 15 * 60_000; // One operation on the device never takes this long; the child speaks once a second else.
/** A process cannot exit while one of its threads is inside a step of TensorFlow: it is ended instead, for it has answered. */
const EXIT_AFTER_RESULT_MS = 1_000;
const DRAIN_MS = 2_000;
const LOG_TAIL_CHARACTERS = 4_000;

/** Runs one job in a child process of its own and tells how it ended; never throws for what the child does. */
export function superviseJob(options: SuperviseOptions): Promise<JobOutcome> {
  const child = startChild(options.entry);
  const timers = new Set<NodeJS.Timeout>();
  let answer: { value: unknown } | null = null;
  let reported: ErrorRecord | null = null;
  let lastStep: number | null = null;
  let lastPhase: string | null = null;
  const countKills = options.memoryKills ?? memoryKills;
  const killsBefore = countKills();
  let endedBecause: 'asked' | 'stalled' | null = null;
  const tail = collectTail(child, options.onOutput);

  function after(ms: number, action: () => void): NodeJS.Timeout {
    const timer = setTimeout(action, ms);
    timers.add(timer);
    return timer;
  }

  function stop(): void {
    endedBecause ??= 'asked';
    child.kill('SIGTERM');
    after(options.killAfterMs ?? KILL_AFTER_MS, () => child.kill('SIGKILL'));
  }

  let stall = watchStall();
  function watchStall(): NodeJS.Timeout {
    return after(options.stallMs ?? STALL_MS, () => {
      endedBecause ??= 'stalled';
      child.kill('SIGKILL');
    });
  }

  child.on('message', (raw) => {
    const message = raw as ChildMessage;
    clearTimeout(stall);
    timers.delete(stall);
    stall = watchStall();
    switch (message.type) {
      case 'progress':
        lastStep = message.heartbeat.step ?? lastStep;
        lastPhase = message.heartbeat.phase;
        options.onProgress(message.heartbeat);
        break;
      case 'log':
        options.onLog?.(message.level, message.message, message.fields);
        break;
      case 'result':
        answer = { value: message.value };
        after(EXIT_AFTER_RESULT_MS, () => child.kill('SIGKILL'));
        break;
      case 'error':
        reported = withMemory(message.error);
        after(EXIT_AFTER_RESULT_MS, () => child.kill('SIGKILL'));
        break;
    }
  });

  return new Promise((resolve) => {
    function finish(exitCode: number | null, signal: NodeJS.Signals | null, startError?: Error): void {
      for (const timer of timers) clearTimeout(timer);
      options.signal.removeEventListener('abort', stop);
      if (answer !== null) return resolve({ ok: true, value: answer.value });
      // What it printed long ago is no reason of an end that was asked for, or that it gave a reason of.
      const byItself = endedBecause === null && reported === null;
      const said = reported?.code === 'out-of-memory' || (byItself && saysOutOfMemory(tail()));
      const killed = byItself && !said && (signal === 'SIGKILL' || exitCode === 137);
      const kills = killed ? countKills() : null;
      const killedForMemory = kills === null || killsBefore === null ? null : kills > killsBefore;
      const facts = { exitCode, signal, killed, killedForMemory, lastStep, lastPhase, logTail: tail() };
      const outOfMemory = said || killed;
      const error =
        reported ?? explainEnd(options.request.job.kind, { ...facts, outOfMemory, endedBecause, startError });
      resolve({ ok: false, error, ...facts, outOfMemory });
    }

    child.once('error', (error) => {
      if (child.pid === undefined) finish(null, null, error);
    });
    child.once('exit', (exitCode, signal) => {
      // The last message and log lines may still lie in the pipes.
      let open = 2;
      const one = (): void => {
        open -= 1;
        if (open === 0) finish(exitCode, signal);
      };
      child.once('close', one);
      if (child.connected) child.once('disconnect', one);
      else one();
      after(DRAIN_MS, () => finish(exitCode, signal));
    });

    if (options.signal.aborted) stop();
    else options.signal.addEventListener('abort', stop, { once: true });
    if (child.connected) child.send(options.request, () => undefined); // A child that is gone tells so by 'exit'.
  });
}

/**
 * What a process that computes is started with. TensorFlow's start-up notices are not worth a log tail; its warnings and
 * errors are. One malloc arena: each thread's own would keep what a step freed, 30 to 50 MB more, and steps take as long.
 */
export const TENSORFLOW_ENVIRONMENT = { TF_CPP_MIN_LOG_LEVEL: '1', MALLOC_ARENA_MAX: '1' } as const;

/**
 * How many processes the kernel of this machine has killed for lack of memory, in whichever container; null where it does not
 * tell (proc(5): /proc/vmstat, since Linux 4.13).
 */
export function memoryKills(): number | null {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}

function startChild(entry: URL): ChildProcess {
  const { DATABASE_URL: _database, VOXHELM_API_KEY: _key, NODE_OPTIONS: _options, ...environment } = process.env;
  return fork(fileURLToPath(entry), [], {
    execArgv: typescriptArguments(),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...TENSORFLOW_ENVIRONMENT, ...environment },
  });
}

/** Keeps the last characters of both output streams, and tells each piece. */
function collectTail(child: ChildProcess, tell: (chunk: string) => void = () => undefined): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      tell(chunk);
      text = (text + chunk).slice(-LOG_TAIL_CHARACTERS);
    });
  }
  return () => text.trim();
}

/** The device's own complaint about memory arrives as a plain exception. */
function withMemory(error: ErrorRecord): ErrorRecord {
  if (error.code !== 'internal' || !saysOutOfMemory(error.message)) return error;
  const { details: _stack, ...record } = error;
  const fix = 'Lower batchSize or patchSize in the plan, or use a larger device.';
  return { ...record, code: 'out-of-memory', fix };
}

/** A child's end without a word of its own, put into the closed set of errors. */
function explainEnd(
  kind: string,
  end: {
    exitCode: number | null;
    signal: NodeJS.Signals | null;
    lastStep: number | null;
    logTail: string;
    killed: boolean;
    killedForMemory: boolean | null;
    outOfMemory: boolean;
    endedBecause: 'asked' | 'stalled' | null;
    startError: Error | undefined;
  },
): ErrorRecord {
  const at = end.lastStep === null ? '' : ` at step ${end.lastStep}`;
  const how = end.signal === null ? `exit code ${end.exitCode}` : end.signal;
  const details = { exitCode: end.exitCode, signal: end.signal, lastStep: end.lastStep, logTail: end.logTail };
  if (end.startError !== undefined) {
    return { code: 'internal', message: `the ${kind} job's process did not start: ${end.startError.message}`, details };
  }
  if (end.endedBecause === 'asked') {
    return { code: 'cancelled', message: `the ${kind} job was stopped${at} (${how})`, details };
  }
  if (end.endedBecause === 'stalled') {
    return { code: 'internal', message: `the ${kind} job hung${at}: no word for too long, so it was ended`, details };
  }
  if (end.killed && end.killedForMemory === false) {
    return {
      code: 'internal',
      message: `the ${kind} job's process was killed${at} (${how}), perhaps for lack of memory, but not by the kernel`,
      fix: 'Look for who ended it: another guard of memory (systemd-oomd, a scheduler), or a person.',
      details,
    };
  }
  if (end.outOfMemory) {
    const why = end.killed
      ? `was killed${at} (${how}), ${end.killedForMemory ? 'for lack of memory by the kernel' : 'most likely for lack of memory'}`
      : `ran out of memory${at} and died (${how})`;
    return {
      code: 'out-of-memory',
      message: `the ${kind} job's process ${why}`,
      fix: 'Give the trainer more memory, or lower batchSize or patchSize in the plan.',
      details,
    };
  }
  return { code: 'internal', message: `the ${kind} job's process died${at} (${how})`, details };
}

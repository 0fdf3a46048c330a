import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a measured process said. */
export interface Said {
  /** Its last JSON line. */
  readonly result: Record<string, unknown>;
  /** Milliseconds from before its start to each line `{"event": NAME}`. */
  readonly events: Readonly<Record<string, number | undefined>>;
  /** Milliseconds from before its start to its end. */
  readonly wallMs: number;
}

/**
 * Runs a program that speaks JSON lines on standard output to its end; its standard error is shown. Throws where it
 * fails or says nothing.
 */
export function runJsonProcess(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    const events: Record<string, number | undefined> = {};
    let result: Record<string, unknown> | null = null;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const value = JSON.parse(line) as Record<string, unknown>;
      if (typeof value['event'] === 'string') events[value['event']] = performance.now() - startedAt;
      else result = value;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0) reject(new Error(`${program} ${args[0]} ended with ${signal ?? `exit code ${code}`}`));
      else if (result === null) reject(new Error(`${program} ${args[0]} printed no result`));
      else resolve({ result, events, wallMs: performance.now() - startedAt });
    });
  });
}

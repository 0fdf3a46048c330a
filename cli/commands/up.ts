import { readSettings } from '@voxhelm/contracts/settings';
import { type Stack, startStack } from '@voxhelm/infra/embedded/stack';

/** Starts everything in the foreground; returns when Ctrl-C (or SIGTERM) has stopped it, 130 where it came too early. */
export async function up(): Promise<number> {
  const interrupted = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    // Listening stays on: a second Ctrl-C must not end us before the services are gone.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        interrupted.abort();
        resolve();
      });
    }
  });
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  let stack: Stack;
  try {
    stack = await startStack(readSettings(), { say, signal: interrupted.signal });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    say('stopped');
    return 130;
  }
  say(`API reference: ${stack.url}/docs · logs: ${stack.logFolder}\nCtrl-C stops it; runs go on at the next start.`);
  await stopped;
  say('\nstopping (trainers write a checkpoint first)');
  await stack.stop();
  return 0;
}

import { readSettings } from '@voxhelm/contracts/settings';
import { startStack } from '@voxhelm/infra/embedded/stack';

/** Starts everything in the foreground; returns when Ctrl-C (or SIGTERM) has stopped it. */
export async function up(): Promise<number> {
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
  const stack = await Promise.race([
    startStack(readSettings(), { say: (line) => process.stderr.write(`${line}\n`) }),
    stopped.then(() => null),
  ]);
  if (stack === null) return 130;
  process.stderr.write(
    `API reference: ${stack.url}/docs · logs: ${stack.logFolder}\nCtrl-C stops it; runs go on at the next start.\n`,
  );
  await stopped;
  process.stderr.write('\nstopping (trainers write a checkpoint first)\n');
  await stack.stop();
  return 0;
}

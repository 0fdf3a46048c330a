import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RunDetail, RunView } from '@voxhelm/contracts/api';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { createApiClient } from '../api-client.ts';
import { endWithReader } from '../closed-pipe.ts';
import { downloadBundle } from '../commands/download.ts';
import { requestFrom, withSubmitter } from '../commands/submit.ts';
import { followEvents } from '../follow.ts';
import { createProgressView } from '../output/progress-view.ts';
import { runReport } from '../output/run-report.ts';
import { writeReport } from './report.ts';
import { startService } from './service.ts';

/*
 * `npm run demo [-- --keep] [-- --request RUN.yaml]`: what a user does, from a started service to a downloaded bundle, through the
 * public HTTP API alone. Leaves out/demo/bundle.zip and out/demo/report.json.
 */

const OUTPUT = join(rootDirectory, 'out', 'demo');

async function demo(args: readonly string[]): Promise<number> {
  const keep = args.includes('--keep');
  const requestFile = args.includes('--request')
    ? args[args.indexOf('--request') + 1]
    : join(rootDirectory, 'samples', 'hippocampus.yaml');
  if (requestFile === undefined) throw new VoxhelmError('invalid-request', '--request wants a RUN.yaml');
  await mkdir(OUTPUT, { recursive: true });
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

  const service = await startService(join(OUTPUT, 'home'), { keep, say, signal: interrupted.signal });
  try {
    const client = createApiClient({ url: service.url, apiKey: process.env['VOXHELM_API_KEY'] });
    const request = withSubmitter(await requestFrom(requestFile), readSettings().submittedBy);
    const submittedAt = performance.now();
    const run = await client.post('/runs', request, RunView, { 'idempotency-key': randomUUID() });
    say(`\nsubmitted ${run.id} (${run.name}) to ${service.url}/v1/runs\n`);
    const view = createProgressView(process.stdout);
    const last = await followEvents(
      client,
      run.id,
      {
        onEvent: (event) => view.event(event),
        onProgress: (progress) => view.progress(progress),
        onReconnecting: (reason) => view.note(`… ${reason}`),
      },
      interrupted.signal,
    );
    view.end();
    const detail = await client.get(`/runs/${run.id}`, RunDetail);
    say(`\n${runReport(detail)}`);
    if (last.run.state !== 'completed') return 1;
    const bundle = await downloadBundle(client, run.id, join(OUTPUT, 'bundle.zip'));
    const wallSeconds = (performance.now() - submittedAt) / 1000;
    await writeReport(join(OUTPUT, 'report.json'), detail, bundle, wallSeconds);
    say(`\nbundle   ${bundle.path}  (${(bundle.bytes / 1e6).toFixed(1)} MB, SHA-256 ${bundle.sha256})`);
    say(`report   ${join(OUTPUT, 'report.json')}`);
    say(
      `try it   npx voxhelm predict --bundle out/demo/bundle.zip --input samples/hippocampus/imagesTs --output out/demo/predictions`,
    );
    if (keep)
      say(
        `\nThe service stays up: ${service.url} (API reference: ${service.url}/docs). Use it with\n  export VOXHELM_URL=${service.url}; npx voxhelm runs\nand stop it with\n  kill ${service.pid}`,
      );
    return 0;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    say('\ninterrupted; the run is kept in out/demo/home');
    return 130;
  } finally {
    if (!keep) await service.stop();
  }
}

endWithReader();
try {
  process.exitCode = await demo(process.argv.slice(2));
} catch (error) {
  const record = toErrorRecord(error);
  process.stderr.write(`demo: ${record.message}\n${record.fix === undefined ? '' : `  ${record.fix}\n`}`);
  process.exitCode = 1;
}

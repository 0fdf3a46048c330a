import { Context, heartbeat } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ProbeResult } from '@voxhelm/contracts/jobs';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestTemporal } from './testing/dev-server.ts';
import { installQuietRuntime } from './testing/quiet-runtime.ts';
import { bundleWorkflows } from './worker.ts';
import type { OrchestratorActivities } from './workflows/activity-interface.ts';
import { WORKFLOWS } from './workflows/signals.ts';

/*
 * How a run's workflow measures its first algorithm while the budget lasts. The times are made up: the database's own activities
 * give minutes.
 */

type First = Parameters<OrchestratorActivities['timeForFirstProbe']>[0];

const PROBED = { stepMs: 10 } as ProbeResult;

let client: Client;
let close: () => Promise<void>;
/** What the run asked and was told, in order. */
let story: string[];
/** Answers how long the first algorithm may be measured. */
let timeForFirstProbe: (asked: First) => Promise<number | null>;
/** Measures a plan; may wait until it is cancelled. */
let probe: (cancelled: Promise<never>) => Promise<ProbeResult>;

/** A run until its study is laid out, which ends it here. */
const activities = {
  beginRun: async () => null,
  prepareBundles: async () => [{ algorithm: 'fast', job: { kind: 'probe' }, inBudget: true, ifTime: false }],
  async timeForFirstProbe(asked: First) {
    story.push(asked.wasCut ? 'cut' : 'asked');
    return timeForFirstProbe(asked);
  },
  async layOutStudy({ probes }: Parameters<OrchestratorActivities['layOutStudy']>[0]) {
    story.push(`laid out by ${probes.map(({ algorithm, result }) => `${algorithm} ${result.stepMs}`)}`);
    throw ApplicationFailure.nonRetryable('the end of this test', 'internal');
  },
  beginEnd: async () => ({ openTrials: [] }),
  async endRun({ failure }: Parameters<OrchestratorActivities['endRun']>[0]) {
    story.push(`${failure?.code}: ${failure?.message}`);
  },
};

async function probePlan(): Promise<ProbeResult> {
  const beat = setInterval(() => heartbeat(), 100);
  try {
    return await probe(Context.current().cancelled);
  } finally {
    clearInterval(beat);
  }
}

beforeAll(async () => {
  installQuietRuntime();
  const [temporal, workflowBundle] = await Promise.all([startTestTemporal(), bundleWorkflows()]);
  const { address } = temporal;
  const connection = await NativeConnection.connect({ address });
  const beats = { maxHeartbeatThrottleInterval: '200ms', defaultHeartbeatThrottleInterval: '200ms' } as const;
  const workers = [
    await Worker.create({ connection, taskQueue: TASK_QUEUES.orchestrator, workflowBundle, activities }),
    await Worker.create({ connection, taskQueue: TASK_QUEUES.gpu, activities: { probePlan }, ...beats }),
  ];
  const running = workers.map((worker) => worker.run());
  const clients = await Connection.connect({ address });
  client = new Client({ connection: clients });
  close = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await Promise.all([clients.close(), connection.close()]);
    await temporal.stop();
  };
}, 60_000);

afterAll(() => close());

/** Carries a run to its end, here always a failure. */
async function carried(runId: string): Promise<void> {
  story = [];
  const options = { workflowId: runId, taskQueue: TASK_QUEUES.orchestrator, args: [{ runId }] };
  await expect(client.workflow.execute(WORKFLOWS.run, options)).rejects.toThrow();
}

test('a first algorithm whose measuring hangs is cut when the budget is over, and the run refused', async () => {
  probe = (cancelled) => cancelled;
  timeForFirstProbe = async ({ wasCut }) => {
    if (wasCut) throw ApplicationFailure.nonRetryable('the budget was over', 'invalid-request');
    return 500;
  };
  await carried('hangs');
  expect(story).toEqual(['asked', 'cut', 'internal: the budget was over']);
});

test('where the budget was raised meanwhile it is measured again; a crash at the end of its time is no end of the run either', async () => {
  let tried = 0;
  probe = async (cancelled) => {
    tried += 1;
    if (tried === 1) throw ApplicationFailure.create({ message: 'crashed', type: 'internal' });
    return tried === 2 ? cancelled : PROBED;
  };
  // Less than the second before a crash is tried again.
  const times = [500, 500, 60_000];
  timeForFirstProbe = async () => times.shift() ?? null;
  await carried('raised');
  expect(story).toEqual(['asked', 'cut', 'cut', 'laid out by fast 10', 'internal: the end of this test']);
});

test('without a limit it takes as long as it does', async () => {
  probe = async () => PROBED;
  timeForFirstProbe = async () => null;
  await carried('unlimited');
  expect(story[1]).toBe('laid out by fast 10');
});

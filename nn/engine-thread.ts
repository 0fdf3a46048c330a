import type { MessagePort, Worker } from 'node:worker_threads';
import { fromErrorRecord, toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import type { Network } from './network.ts';
import { type EngineChoice, openEngine, type TrainingEngine } from './training-engine.ts';

/*
 * An engine in a thread of its own, so that the thread which asks goes on: heartbeats, cancellation and metrics are answered
 * while a step computes, however long it takes.
 */

/** What may be asked of the engine across threads. */
type Method = 'assign' | 'state' | 'weights' | 'step' | 'status' | 'predict' | 'close';

type Request =
  | { readonly id: number; readonly method: 'open'; readonly plan: Plan; readonly choice: EngineChoice }
  | { readonly id: number; readonly method: Method; readonly arguments: readonly unknown[] };

type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ReturnType<typeof toErrorRecord> };

/** Answers the requests of {@link connectEngine} in this thread. `networkOf`: the network that a plan names. */
export function serveEngine(port: MessagePort, networkOf: (network: Plan['network']) => Network): void {
  let engine: TrainingEngine | null = null;
  /** One after the other, in the order of arrival. */
  let last: Promise<void> = Promise.resolve();

  async function perform(request: Request): Promise<unknown> {
    if (request.method === 'open') {
      engine = await openEngine(networkOf(request.plan.network), request.plan, request.choice);
      return engine.groups;
    }
    if (engine === null) throw new VoxhelmError('internal', 'the engine was asked before it was opened');
    const method = engine[request.method] as (...values: readonly unknown[]) => Promise<unknown>;
    return method(...request.arguments);
  }

  port.on('message', (request: Request) => {
    last = last.then(async () => {
      const { id } = request;
      const reply: Reply = await perform(request).then(
        (value) => ({ id, value }),
        (error: unknown) => ({ id, error: toErrorRecord(error) }),
      );
      port.postMessage(reply);
    });
  });
}

/** Opens an engine in a thread whose program calls {@link serveEngine}. The thread ends with the engine. */
export async function connectEngine(thread: Worker, plan: Plan, choice: EngineChoice): Promise<TrainingEngine> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let nextId = 0;

  thread.on('message', (reply: Reply) => {
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) thread.unref();
    if ('error' in reply) waiter?.reject(fromErrorRecord(reply.error));
    else waiter?.resolve(reply.value);
  });
  const fail = (error: Error): void => {
    for (const waiter of waiting.values()) waiter.reject(error);
    waiting.clear();
  };
  thread.on('error', (cause) => {
    fail(new VoxhelmError('internal', `the engine's thread failed: ${cause.message}`, { cause }));
  });
  thread.on('exit', () => fail(new VoxhelmError('cancelled', 'the engine’s thread was ended')));

  function post(
    request: { method: 'open'; plan: Plan; choice: EngineChoice } | { method: Method; arguments: unknown[] },
  ) {
    nextId += 1;
    const id = nextId;
    return new Promise<unknown>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      thread.ref();
      thread.postMessage({ ...request, id });
    });
  }
  const ask = (method: Method, ...values: unknown[]): Promise<unknown> => post({ method, arguments: values });

  const groups = (await post({ method: 'open', plan, choice })) as readonly string[];
  return {
    groups,
    assign: (state) => ask('assign', state) as Promise<void>,
    state: () => ask('state') as ReturnType<TrainingEngine['state']>,
    weights: () => ask('weights') as ReturnType<TrainingEngine['weights']>,
    step: (batch, numbers) => ask('step', batch, numbers) as Promise<void>,
    status: () => ask('status') as ReturnType<TrainingEngine['status']>,
    predict: (windows, count) => ask('predict', windows, count) as Promise<Float32Array>,
    async close() {
      await ask('close');
      await thread.terminate();
    },
  };
}

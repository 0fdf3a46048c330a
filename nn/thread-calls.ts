import type { MessagePort, Worker } from 'node:worker_threads';
import { fromErrorRecord, toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * Calls across threads, so that the thread which asks goes on: heartbeats, cancellation and metrics are answered while what
 * was asked computes, however long it takes.
 */

/** What a thread serves. */
export interface Served {
  /** Told when it is opened. */
  readonly facts: unknown;
  /** Its methods may be called; arguments and values are copied. After `close` it is not called again. */
  readonly methods: { close(): Promise<void> };
}

type Request =
  | { readonly id: number; readonly open: readonly unknown[] }
  | { readonly id: number; readonly method: string; readonly values: readonly unknown[] };

type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ReturnType<typeof toErrorRecord> };

/** Answers the requests of {@link openInThread} in this thread, one after the other in the order of arrival. */
export function serveCalls<G extends readonly unknown[]>(
  port: MessagePort,
  open: (...given: G) => Promise<Served>,
): void {
  let served: Served | null = null;
  let last: Promise<void> = Promise.resolve();

  async function perform(request: Request): Promise<unknown> {
    if ('open' in request) {
      served = await open(...(request.open as unknown as G));
      return served.facts;
    }
    const { method, values } = request;
    if (served === null) throw new VoxhelmError('internal', `${method} was asked of a thread where nothing is open`);
    const { methods } = served;
    if (method === 'close') served = null;
    return (Reflect.get(methods, method) as (...given: readonly unknown[]) => Promise<unknown>)(...values);
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

/** Something that was opened in a thread. */
export interface Remote {
  readonly facts: unknown;
  call(method: string, ...values: readonly unknown[]): Promise<unknown>;
  /** Closes it and ends its thread; what was asked before is waited for. */
  close(): Promise<void>;
}

/** Opens what a thread serves whose program calls {@link serveCalls}. The process may end while nothing is asked. */
export async function openInThread(thread: Worker, ...given: readonly unknown[]): Promise<Remote> {
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

  function post(request: { open: readonly unknown[] } | { method: string; values: readonly unknown[] }) {
    nextId += 1;
    const id = nextId;
    return new Promise<unknown>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      thread.ref();
      thread.postMessage({ ...request, id });
    });
  }
  const call: Remote['call'] = (method, ...values) => post({ method, values });

  const facts = await post({ open: given });
  return {
    facts,
    call,
    async close() {
      await call('close');
      await thread.terminate();
    },
  };
}

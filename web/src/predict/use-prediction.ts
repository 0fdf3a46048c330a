import { useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { failure } from '../api/problem.ts';
import type { PredictAnswer, Prediction, PredictRequest } from './predict-messages.ts';

/** What to try where this computer cannot do it. */
const ON_A_TRAINER =
  'Segment it on a trainer, which has more memory; or look whether the image is one that the run was made for.';

/** An image as it was dropped: its files in channel order. */
export type TriedImage = PredictRequest['images'];

/** How far a prediction is. */
export type Predicting =
  | { readonly phase: 'loading' }
  | {
      readonly phase: 'computing';
      readonly done: number;
      readonly total: number;
      readonly computedOn: string;
      readonly secondsLeft: number | null;
    }
  | { readonly phase: 'done'; readonly prediction: Prediction }
  | { readonly phase: 'failed'; readonly error: unknown };

/** Segments dropped images by a run's bundle, in a worker of this page. One at a time; `stop` ends it. */
export function usePrediction(bundleHref: string) {
  const worker = useRef<Worker | null>(null);
  const [state, setState] = useState<Predicting | null>(null);

  const stop = useCallback(() => {
    worker.current?.terminate();
    worker.current = null;
    setState(null);
  }, []);
  useEffect(() => () => worker.current?.terminate(), []);

  const start = useCallback(
    async (images: TriedImage) => {
      stop();
      setState({ phase: 'loading' });
      const made = new Worker(new URL('./predict.worker.ts', import.meta.url), { type: 'module' });
      worker.current = made;
      const isCurrent = (): boolean => worker.current === made;
      const fail = (error: unknown): void => {
        if (isCurrent()) setState({ phase: 'failed', error });
        made.terminate();
      };
      let firstWindowAt: number | null = null;
      made.onmessage = ({ data }: MessageEvent<PredictAnswer>) => {
        if (!isCurrent()) return;
        if (data.kind === 'failed') return fail(failure(data.message, data.fix ?? ON_A_TRAINER));
        if (data.kind === 'done') {
          setState({ phase: 'done', prediction: data.prediction });
          made.terminate();
          return;
        }
        const { done, total, computedOn } = data;
        firstWindowAt ??= performance.now();
        const secondsLeft = done === 0 ? null : ((performance.now() - firstWindowAt) / 1_000 / done) * (total - done);
        setState({ phase: 'computing', done, total, computedOn, secondsLeft });
      };
      made.onerror = (event) => fail(failure(`The browser could not compute it: ${event.message}`, ON_A_TRAINER));
      try {
        const bundle = await (await request(bundleHref)).blob();
        const wanted: PredictRequest = { bundle, images };
        made.postMessage(wanted);
      } catch (error) {
        fail(error);
      }
    },
    [bundleHref, stop],
  );

  return { state, start, stop };
}

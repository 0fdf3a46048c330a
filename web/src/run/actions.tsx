import { useQueryClient } from '@tanstack/react-query';
import type { RunDetail, RunView } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { counted } from '@voxhelm/contracts/words';
import { Link, useLocation } from 'wouter';
import { send } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { rememberedSubmitter } from '../submit/submitter.ts';
import { uniqueKey } from '../unique.ts';
import { Extend } from './extend.tsx';

/** What may be done with a run now. */
export function RunActions({ run }: { readonly run: RunDetail }) {
  const client = useQueryClient();
  const control = (name: 'pause' | 'resume' | 'cancel') => async () => {
    await send('POST', `/v1/runs/${run.id}/${name}`);
    await client.invalidateQueries({ queryKey: ['run', run.id], exact: true });
  };
  const [, go] = useLocation();
  const retry = async (): Promise<void> => {
    const analysed = run.plans.length > 0;
    const { submittedBy: _, ...request } = run.request;
    const submittedBy = rememberedSubmitter();
    const again = await send<RunView>(
      'POST',
      '/v1/runs',
      {
        ...request,
        ...(submittedBy === '' ? {} : { submittedBy }),
        dataset: run.datasetId,
        name: `${run.name}, retried`.slice(0, 200),
        ...(analysed ? { branch: { run: run.id, keep: 'trials' } } : {}),
      },
      { 'idempotency-key': uniqueKey() },
    );
    go(`/runs/${again.id}`);
  };
  const over = FINAL_RUN_STATES.includes(run.state);
  const finished = run.trials.filter(({ state }) => state === 'completed' || state === 'pruned').length;
  const running = run.trials.filter(({ state }) => state === 'running' || state === 'waiting').length;
  return (
    <div className="actions">
      {(run.state === 'running' || run.state === 'queued') && <ConfirmButton label="Pause" action={control('pause')} />}
      {(run.state === 'paused' || run.state === 'pausing') && (
        <ConfirmButton label="Resume" tone="primary" action={control('resume')} />
      )}
      {!over && run.state !== 'cancelling' && (
        <ConfirmButton
          label="Cancel the run"
          tone="danger"
          action={control('cancel')}
          question={`Cancel “${run.name}” for good?`}
        >
          <ul>
            <li>
              <strong>Kept:</strong> the analysis, {counted(finished, 'finished trial')} with checkpoints, predictions
              and curves, and the log.
            </li>
            <li>
              <strong>Lost:</strong>{' '}
              {running === 0
                ? 'nothing that trains now'
                : counted(running, 'trial that is under way', 'trials that are under way')}
              ; no ensemble is built. A cancelled run cannot be resumed; to only free the trainers, pause it.
            </li>
          </ul>
        </ConfirmButton>
      )}
      {!over && run.state !== 'cancelling' && <Extend run={run} />}
      {(run.state === 'failed' || run.state === 'cancelled') && (
        <ConfirmButton label="Retry" tone="primary" action={retry} question={`Run “${run.name}” again?`}>
          <ul>
            <li>
              <strong>Kept:</strong> {counted(finished, 'finished search trial goes', 'finished search trials go')} over
              into a new run of the same request; this one stays as it is.
            </li>
            <li>
              <strong>Done anew:</strong> what had not finished, the other folds and the ensemble.
            </li>
          </ul>
        </ConfirmButton>
      )}
      {over && (
        <Link href={`/submit?branch=${run.id}`} className="button">
          Branch
        </Link>
      )}
      <Link href={`/submit?clone=${run.id}`} className="button">
        Clone
      </Link>
    </div>
  );
}

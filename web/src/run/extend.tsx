import { useQueryClient } from '@tanstack/react-query';
import type { RunDetail, RunView } from '@voxhelm/contracts/api';
import { RunChange } from '@voxhelm/contracts/run';
import { useId, useRef, useState } from 'react';
import { send } from '../api/client.ts';
import { ErrorNote } from '../components/error-note.tsx';

/** Gives a run that goes on another budget, or more search trials. */
export function Extend({ run }: { readonly run: RunDetail }) {
  const client = useQueryClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const [budget, setBudget] = useState('');
  const [trials, setTrials] = useState('');
  const [failed, setFailed] = useState<unknown>(null);
  const searching = run.stage !== 'folds' && run.stage !== 'ensemble';
  const change = {
    ...(budget.trim() === '' ? {} : { budget: budget.trim() === 'none' ? null : budget.trim() }),
    ...(trials.trim() === '' ? {} : { trials: Number(trials) }),
  };
  const fault = RunChange.safeParse(change).error?.issues[0];
  const give = async (): Promise<void> => {
    try {
      await send<RunView>('PATCH', `/v1/runs/${run.id}`, change);
      await client.invalidateQueries({ queryKey: ['run', run.id] });
      dialog.current?.close();
    } catch (error) {
      setFailed(error);
    }
  };
  return (
    <>
      <button
        type="button"
        onClick={() => {
          setFailed(null);
          dialog.current?.showModal();
        }}
      >
        Extend
      </button>
      <dialog ref={dialog} aria-labelledby={title}>
        <form
          method="dialog"
          onSubmit={(event) => {
            event.preventDefault();
            void give();
          }}
        >
          <h2 id={title}>Give “{run.name}” more</h2>
          <label className="field">
            Time budget of the whole run
            <input
              type="text"
              value={budget}
              placeholder={run.request.budget ?? 'none'}
              onChange={(event) => setBudget(event.target.value)}
            />
            <span className="muted">
              Counted from its start: 90s, 12m, 1.5h, 2d; “none” for no limit. Trials that begin from now on follow it.
            </span>
          </label>
          <label className="field">
            Search trials
            <input
              type="text"
              inputMode="numeric"
              disabled={!searching}
              value={trials}
              placeholder={String(run.request.search?.trials ?? run.trialCounts.planned ?? '')}
              onChange={(event) => setTrials(event.target.value)}
            />
            <span className="muted">
              {searching
                ? `All together; ${run.trials.filter(({ kind }) => kind === 'search').length} have begun.`
                : 'The search is over: branch the run when it has ended.'}
            </span>
          </label>
          {fault !== undefined && (budget !== '' || trials !== '') && <p className="field-error">{fault.message}</p>}
          {failed !== null && <ErrorNote error={failed} />}
          <div className="actions">
            <button type="button" onClick={() => dialog.current?.close()}>
              Back
            </button>
            <button type="submit" className="primary" disabled={fault !== undefined}>
              Extend the run
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

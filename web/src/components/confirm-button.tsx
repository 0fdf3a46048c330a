import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useId, useRef } from 'react';
import { ErrorNote } from './error-note.tsx';

/** What {@link ConfirmButton} is given. */
interface ConfirmProps {
  readonly label: string;
  readonly action: () => Promise<unknown>;
  /** The question; without it the action is done at once. */
  readonly question?: string;
  /** What is kept and what is lost. */
  readonly children?: ReactNode;
  readonly tone?: 'primary' | 'danger';
  readonly disabled?: boolean;
}

/** A button that does something on the server; asks first where it cannot be undone, and says why where it failed. */
export function ConfirmButton({ label, action, question, children, tone, disabled }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const mutation = useMutation({ mutationFn: action, onSuccess: () => dialog.current?.close() });
  const act = (): void => mutation.mutate();
  return (
    <>
      <button
        type="button"
        className={tone}
        disabled={disabled === true || mutation.isPending}
        onClick={() => (question === undefined ? act() : dialog.current?.showModal())}
      >
        {label}
      </button>
      {question === undefined && mutation.error !== null && <ErrorNote error={mutation.error} />}
      {question !== undefined && (
        <dialog ref={dialog} aria-labelledby={title}>
          <h2 id={title}>{question}</h2>
          {children}
          {mutation.error !== null && <ErrorNote error={mutation.error} />}
          <div className="actions">
            <button type="button" onClick={() => dialog.current?.close()}>
              Back
            </button>
            <button type="button" className={tone ?? 'primary'} disabled={mutation.isPending} onClick={act}>
              {label}
            </button>
          </div>
        </dialog>
      )}
    </>
  );
}

import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
import { useState } from 'react';
import { send } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';

interface ActionsProps {
  readonly schedule: ScheduleView;
  readonly changed: () => Promise<unknown>;
  /** Deleting is offered where there is room to say what stays. */
  readonly whole?: boolean;
}

/** Trigger now, pause or resume; on the schedule's own page, delete. */
export function ScheduleActions({ schedule, changed, whole = false }: ActionsProps) {
  const path = `/v1/schedules/${schedule.id}`;
  return (
    <div className="actions">
      <ConfirmButton label="Trigger now" action={() => send('POST', `${path}/trigger`).then(changed)} />
      <PauseOrResume key={schedule.paused ? 'paused' : 'fires'} schedule={schedule} changed={changed} />
      {whole && (
        <ConfirmButton
          label="Delete"
          tone="danger"
          question={`Delete schedule “${schedule.name}”?`}
          action={() => send('DELETE', path).then(changed)}
        >
          <p>It fires no more. Its runs, the champion and the history of promotions stay.</p>
        </ConfirmButton>
      )}
    </div>
  );
}

/** Asks why, for those who look next: the note stands beside the schedule until the next change. */
function PauseOrResume({ schedule, changed }: Omit<ActionsProps, 'whole'>) {
  const [note, setNote] = useState('');
  const action = schedule.paused ? 'resume' : 'pause';
  const said = note.trim();
  return (
    <ConfirmButton
      label={schedule.paused ? 'Resume' : 'Pause'}
      question={`${schedule.paused ? 'Resume' : 'Pause'} schedule “${schedule.name}”?`}
      action={() =>
        send('POST', `/v1/schedules/${schedule.id}/${action}`, said === '' ? {} : { note: said }).then(changed)
      }
    >
      <p>
        {schedule.paused
          ? 'It fires again at its next time.'
          : 'It fires no more until it is resumed; a run that goes on is not touched.'}
      </p>
      <label className="field">
        Note (optional)
        <input type="text" maxLength={1_000} value={note} onChange={(event) => setNote(event.target.value)} />
      </label>
    </ConfirmButton>
  );
}

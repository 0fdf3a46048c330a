import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
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
  const act = (action: string) => () => send('POST', `/v1/schedules/${schedule.id}/${action}`).then(changed);
  return (
    <div className="actions">
      <ConfirmButton label="Trigger now" action={act('trigger')} />
      <ConfirmButton label={schedule.paused ? 'Resume' : 'Pause'} action={act(schedule.paused ? 'resume' : 'pause')} />
      {whole && (
        <ConfirmButton
          label="Delete"
          tone="danger"
          question={`Delete schedule “${schedule.name}”?`}
          action={() => send('DELETE', `/v1/schedules/${schedule.id}`).then(changed)}
        >
          <p>It fires no more. Its runs, the champion and the history of promotions stay.</p>
        </ConfirmButton>
      )}
    </div>
  );
}

import { useQueryState } from '../query-state.ts';

/** How curves are drawn: kept in the address, so that a run's page and its trials' are looked at alike by a link. */
export interface CurveLook {
  /** Weight of the exponential moving average, 0 to 0.98. */
  readonly smoothing: number;
  readonly logLoss: boolean;
}

/** The look that the address has, and the controls that change it. */
export function useCurveLook(): { readonly look: CurveLook; readonly tools: React.JSX.Element } {
  const [smooth, setSmooth] = useQueryState('smooth', '0');
  const [log, setLog] = useQueryState('log', '');
  const smoothing = Math.min(0.98, Math.max(0, Number(smooth) || 0));
  const tools = (
    <>
      <label>
        Smoothing{' '}
        <input
          type="range"
          min="0"
          max="0.98"
          step="0.02"
          value={smoothing}
          onChange={(event) => setSmooth(event.target.value)}
        />
      </label>
      <label>
        <input type="checkbox" checked={log === '1'} onChange={(event) => setLog(event.target.checked ? '1' : '')} />{' '}
        Log axis for the loss
      </label>
    </>
  );
  return { look: { smoothing, logLoss: log === '1' }, tools };
}

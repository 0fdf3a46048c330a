const LOOKS: Readonly<Record<string, { mark: string; tone: string }>> = {
  queued: { mark: '◌', tone: 'idle' },
  waiting: { mark: '◌', tone: 'idle' },
  checking: { mark: '◔', tone: 'busy' },
  running: { mark: '▶', tone: 'busy' },
  working: { mark: '▶', tone: 'busy' },
  retrying: { mark: '↻', tone: 'warn' },
  pausing: { mark: '❙❙', tone: 'warn' },
  paused: { mark: '❙❙', tone: 'warn' },
  cancelling: { mark: '■', tone: 'warn' },
  completed: { mark: '✓', tone: 'good' },
  ready: { mark: '✓', tone: 'good' },
  idle: { mark: '·', tone: 'idle' },
  retraining: { mark: '▶', tone: 'busy' },
  comparing: { mark: '◔', tone: 'busy' },
  promoted: { mark: '▲', tone: 'good' },
  kept: { mark: '=', tone: 'idle' },
  pruned: { mark: '✂', tone: 'idle' },
  diverged: { mark: '≋', tone: 'bad' },
  failed: { mark: '✕', tone: 'bad' },
  faulty: { mark: '!', tone: 'bad' },
  cancelled: { mark: '■', tone: 'idle' },
};

/** A state as a mark and a word, never by colour alone. */
export function StateBadge({ state, title }: { readonly state: string; readonly title?: string }) {
  const { mark, tone } = LOOKS[state] ?? { mark: '·', tone: 'idle' };
  return (
    <span className={`badge ${tone}`} title={title}>
      <span aria-hidden="true" className="mark">
        {mark}
      </span>{' '}
      {state}
    </span>
  );
}

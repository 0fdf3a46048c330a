import { Component, type ReactNode } from 'react';
import { ErrorNote } from './error-note.tsx';

interface State {
  readonly error: unknown;
}

/** Shows what a page could not do, instead of nothing. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return <ErrorNote error={error} retry={() => this.setState({ error: null })} />;
  }
}

import type { ReactNode } from 'react';

interface EmptyProps {
  readonly title: string;
  /** It is all that the page has: its title is the page's. */
  readonly page?: boolean;
  readonly children?: ReactNode;
}

/** A list without entries or an address without a page: says so, and what to do. */
export function Empty({ title, page = false, children }: EmptyProps) {
  return (
    <div className="empty">
      {page ? <h1 className="empty-title">{title}</h1> : <p className="empty-title">{title}</p>}
      <div>{children}</div>
    </div>
  );
}

/*
 * Who submits: a label that the service stores and shows, kept in this browser so that it is typed once.
 */

const NAME = 'voxhelm.submitted-by';

/** The name that runs were last submitted as from this browser; empty where none was given. */
export function rememberedSubmitter(): string {
  return localStorage.getItem(NAME) ?? '';
}

/** Keeps the name for the next run; an empty one is forgotten. */
export function rememberSubmitter(name: string): void {
  if (name === '') localStorage.removeItem(NAME);
  else localStorage.setItem(NAME, name);
}

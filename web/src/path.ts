/**
 * The part of an address's path that names a case ("/runs/ID/cases/NAME"), as the dataset has it. Of the path as the browser
 * has it: the router decodes once on its own, and a name with a % would be decoded twice.
 */
export function itemOf(pathname: string): string {
  const item = pathname.split('/')[4] ?? '';
  try {
    return decodeURIComponent(item);
  } catch {
    return item;
  }
}

/*
 * Building HTML from strings that nobody has checked: names of runs, datasets, cases and labels come from users' files.
 */

/** Markup that was built by {@link html} or {@link raw}; anything else is text and gets escaped. */
export interface Markup {
  readonly markup: string;
}

type Piece = Markup | string | number | readonly Piece[];

/** A template tag: what is interpolated is escaped, unless it is markup itself. Lists are joined. */
export function html(strings: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  let out = strings[0] ?? '';
  values.forEach((value, index) => {
    out += render(value) + (strings[index + 1] ?? '');
  });
  return { markup: out };
}

/** Marks a constant of this program (a style sheet) as markup. Never for data. */
export function raw(markup: string): Markup {
  return { markup };
}

function render(value: Piece): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeText(value);
  if ('markup' in value) return value.markup;
  return value.map(render).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for element content and quoted attributes; control characters become a visible replacement. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '').replace(/[^\P{Cc}\n\t]/gu, '\uFFFD');
}

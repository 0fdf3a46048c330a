import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Serious and critical violations that axe finds on the page as it is now, one line each. */
export async function seriousViolations(page: Page): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

/** Elements that stick out of the page to the right, and so are cut or make the page scroll sideways. */
export function overflowing(page: Page): Promise<string[]> {
  // As text: this folder is checked without the browser's types.
  return page.evaluate<string[]>(`(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = '.scroll, .tabs, .viewer-canvas, svg, .u-wrap, .hidden, dialog:not([open]), .menu';
    return [...document.querySelectorAll('main *')]
      .filter((element) => element.closest(scrolls) === null && element.getBoundingClientRect().right > width + 1)
      .map((element) => element.outerHTML.slice(0, 120))
      .slice(0, 5);
  })()`);
}

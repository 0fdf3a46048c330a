import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Where Debian, Ubuntu and Playwright leave a Chromium; VOXHELM_CHROMIUM names another. */
const PLACES = [
  process.env['VOXHELM_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** The browser that the tests drive; throws saying how to get one. */
export function chromiumPath(): string {
  const found = [...PLACES, playwrightsOwn()].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) {
    throw new Error(
      'The browser tests need Chromium. Install it: apt-get install chromium (or npx playwright-core install chromium), or name one in VOXHELM_CHROMIUM.',
    );
  }
  return found;
}

function playwrightsOwn(): string | undefined {
  try {
    return chromium.executablePath();
  } catch {
    return undefined;
  }
}

/**
 * A software WebGL 2, which the volume viewer needs and test machines have no graphics card for. Pages themselves are put
 * together without it: drawing them through a played graphics card costs four times as much.
 */
const SOFTWARE_GPU = [
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-gpu-compositing',
];

/** Starts Chromium. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', ...SOFTWARE_GPU] });
}

/** A page that remembers what went wrong in it. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors thrown or written to the console, refused by the policy, or requested from elsewhere. */
  readonly faults: string[];
}

/** Opens a page of a width; everything that goes wrong in it is remembered. */
export async function openPage(
  browser: Browser,
  url: string,
  width = 1280,
  scheme: 'light' | 'dark' = 'light',
): Promise<WatchedPage> {
  const context = await browser.newContext({ baseURL: url, viewport: { width, height: 860 }, colorScheme: scheme });
  const page = await context.newPage();
  // Test machines are busy; a person would wait too.
  page.setDefaultTimeout(30_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (404|503)/.test(message.text())) faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && /^https?:/.test(request.url()))
      faults.push(`asked elsewhere: ${request.url()}`);
  });
  return { page, context, faults };
}

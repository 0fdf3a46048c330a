import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { follow, readSurely } from './stream.ts';

/* Streams as they break: over a real socket, against a server that does what is asked of it. */

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let url: string;
let answers: Answer[];
const ending = { now: new AbortController() };

beforeEach(async () => {
  // A browser has one; the key is read from it.
  vi.stubGlobal('sessionStorage', { getItem: () => null });
  ending.now = new AbortController();
  server = createServer((request, response) => (answers.shift() ?? hang)(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/runs/r/events`;
});
afterEach(() => {
  ending.now.abort();
  server.closeAllConnections();
  server.close();
  vi.unstubAllGlobals();
});

const hang: Answer = (_, response) => {
  begin(response);
};
function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('retry: 2000\n\n');
}
function refuse(status: number): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ detail: 'no such run' }));
  };
}

test('a broken connection comes back after the last event; what is not repeated is read once the server tells news', async () => {
  const heard: string[] = [];
  const places: (string | undefined)[] = [];
  answers = [
    (request, response) => {
      places.push(request.headers['last-event-id'] as string | undefined);
      begin(response);
      // The server still finds out what is news: reading now would leave a gap.
      void sleep(60).then(() => {
        heard.push('server is ready');
        response.write('id: 7\nevent: test\ndata: 1\n\n', () => response.destroy());
      });
    },
    (request, response) => {
      places.push(request.headers['last-event-id'] as string | undefined);
      begin(response);
      response.write('id: 8\nevent: test\ndata: 2\n\n');
    },
  ];
  await new Promise<void>((resolve) => {
    void follow(
      url,
      {
        onOpen: () => heard.push('open'),
        onMessage: (_, data) => {
          heard.push(String(data));
          if (data === 2) resolve();
        },
      },
      ending.now.signal,
    );
  });
  expect(heard).toEqual(['server is ready', 'open', '1', 'open', '2']);
  expect(places).toEqual([undefined, '7']);
});

test('a run that was deleted ends its stream, and the page is told why', async () => {
  answers = [refuse(503), refuse(404)];
  const refused: string[] = [];
  await follow(
    url,
    { onMessage: () => undefined, onRefused: ({ message }) => refused.push(message) },
    ending.now.signal,
  );
  expect(refused).toEqual(['no such run']);
});

test('curves that could not be read are read again until they are there; a refusal is not asked twice', async () => {
  const good: Answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('[1]');
  };
  answers = [refuse(503), good];
  expect(await readSurely(url, ending.now.signal)).toEqual([1]);
  answers = [refuse(404), good];
  expect(await readSurely(url, ending.now.signal)).toBeNull();
  expect(answers).toHaveLength(1);
});

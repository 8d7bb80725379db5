import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { UserError } from '../errors.ts';

/** What the page consists of. */
const FILES = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
} as const;

/** Of every answer. */
export const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

/** Reads the built page. Throws a `UserError` where it was not built. */
export async function loadPage() {
  const folder = new URL('./page/', import.meta.url);
  const entries = await Promise.all(
    Object.entries(FILES).map(async ([path, { file, type }]) => {
      const bytes = await readFile(new URL(file, folder)).catch((error: unknown) => {
        throw new UserError(
          `${fileURLToPath(new URL(file, folder))}: the console's page is missing; build it with "npm run build", or install the package again`,
          { cause: error },
        );
      });
      return [path, { type, gzipped: gzipSync(bytes, { level: 9 }), bytes }] as const;
    }),
  );
  return new Map<string, { type: string; gzipped: Buffer; bytes: Buffer }>(entries);
}

/** Answers a request for a part of the page; nothing can be changed by HTTP. */
export function answer(
  page: Awaited<ReturnType<typeof loadPage>>,
  { method, url = '', headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const found = page.get(url.split('?', 1)[0]);
  if (method !== 'GET' && method !== 'HEAD')
    return void response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
  if (!found) return void response.writeHead(404, HEADERS).end('not found\n');
  const isGzipped = /\bgzip\b/.test(headers['accept-encoding'] ?? '');
  const body = isGzipped ? found.gzipped : found.bytes;
  response.writeHead(200, {
    ...HEADERS,
    'content-type': found.type,
    'content-length': body.length,
    vary: 'accept-encoding',
    ...(isGzipped && { 'content-encoding': 'gzip' }),
  });
  response.end(method === 'HEAD' ? undefined : body);
}

import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Milliseconds for which a file is on offer. */
const OFFERED = 60_000;
/** Files that are on offer at a time; another one takes the place of the oldest. */
const MOST_OFFERS = 100;

/** Files that pages fetch by HTTP, at addresses that only those know who asked for them. */
export interface Downloads {
  /** Offers a file for a minute; gives its address, as a path. */
  offer(file: string): string;
  /** The file that is offered at an address; undefined where none is. */
  find(address: string): string | undefined;
}

export function createDownloads(): Downloads {
  const offers = new Map<string, { file: string; until: number }>();
  return {
    offer(file) {
      if (offers.size >= MOST_OFFERS) offers.delete(offers.keys().next().value!);
      const address = `/download/${randomBytes(24).toString('base64url')}`;
      offers.set(address, { file, until: performance.now() + OFFERED });
      return address;
    },
    find(address) {
      const found = offers.get(address);
      return found && performance.now() <= found.until ? found.file : undefined;
    },
  };
}

/** A header that has a browser keep a file under its name (RFC 6266, RFC 8187). */
function attachment(name: string): string {
  const plain = name.replace(/[^\w.-]/g, '_');
  const whole = encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`); // prettier-ignore
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`;
}

/** Sends a file as it is now, under its name. Rejects where it cannot be read to its end, or the page is gone. */
export async function sendFile(
  path: string,
  headers: Record<string, string>,
  response: ServerResponse,
): Promise<void> {
  const file = await open(path).catch(() => undefined);
  if (!file) return void response.writeHead(404, headers).end('not found\n');
  const { size } = await file.stat();
  response.writeHead(200, {
    ...headers,
    'content-type': 'application/octet-stream',
    'content-length': size,
    'content-disposition': attachment(basename(path)),
    // So that a file that was cut meanwhile is told from a slow one.
    connection: 'close',
  });
  const stream = file.createReadStream({ end: Math.max(0, size - 1) });
  // It closes the file however it ends.
  await pipeline(stream, response);
}

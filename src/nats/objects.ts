import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { ObjectStore } from '@nats-io/obj';
import { z } from 'zod';
import { UserError, invalid } from '../errors.ts';
import { type Digest, digest } from '../files/digest.ts';
import { writeWhole } from '../files/writeWhole.ts';

/** Bytes of a message; a server takes 1 MiB unless it is told otherwise. */
const CHUNK_BYTES = 2 ** 19;

/** What names an object: its content. */
export const digestSchema = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
});

/** The stream of a file as the client reads it. */
const streamOf = (path: string) =>
  Readable.toWeb(createReadStream(path, { highWaterMark: CHUNK_BYTES })) as ReadableStream<Uint8Array>; // prettier-ignore

/** Milliseconds after which an object that is still needed is put anew, before its store forgets it. */
const OLD = 3 * 24 * 3600 * 1000;

/** Puts a file into a store under its SHA-256, unless it is there; `known` is its content, where that is known. */
export async function putFile(store: ObjectStore, path: string, known?: Digest): Promise<Digest> {
  const content = known ?? (await digest(path));
  const found = await store.info(content.sha256);
  if (!found || found.deleted || Date.now() - Date.parse(found.mtime) > OLD)
    await store.put(
      { name: content.sha256, options: { max_chunk_size: CHUNK_BYTES } },
      streamOf(path),
    );
  return content;
}

/**
 * Writes an object of a store to a file, whole or not at all. Throws a `UserError` where the server does not have it,
 * or has something else under its name; `what` says what it is.
 */
export async function fetchFile(
  store: ObjectStore,
  { sha256, bytes }: Digest,
  path: string,
  what: string,
): Promise<void> {
  const found = await store.get(sha256);
  if (!found)
    throw new UserError(`${what}: the server has no object ${sha256.slice(0, 12)}… any more`, {
      kind: 'missing',
      subject: what,
    });
  const damaged = () =>
    invalid(
      what,
      `the object ${sha256.slice(0, 12)}… of the server does not have the ${bytes} bytes that its name stands for`,
    );
  await writeWhole(path, async (file) => {
    const hash = createHash('sha256');
    let length = 0;
    for await (const part of found.data as unknown as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > bytes) throw damaged();
      hash.update(part);
      await file.writeFile(part);
    }
    const error = await found.error;
    if (error || length !== bytes || hash.digest('hex') !== sha256) throw damaged();
  });
}

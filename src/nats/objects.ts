import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError, invalid } from '../errors.ts';
import { type Digest, digest } from '../files/digest.ts';
import { readPart } from '../files/readPart.ts';
import { writeWhole } from '../files/writeWhole.ts';
import type { Nats } from './connect.ts';
import { WORK, objectSubject } from './workNames.ts';

/** Bytes of a part; a server takes messages of 1 MiB unless it is told otherwise. */
const PART_BYTES = 2 ** 19;

/** What names an object: its content. */
export const digestSchema = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
});

/** Milliseconds after which an object that is still needed is put anew, before the server forgets it. */
const OLD = 3 * 24 * 3600 * 1000;

/** Whether all parts of an object are at the server, and stay there for a while. */
async function isKept({ manager }: Nats, sha256: string): Promise<boolean> {
  const find = { last_by_subj: objectSubject(sha256, 'whole') };
  const mark = await manager.direct.getMessage(WORK.objects, find);
  return mark !== null && Date.now() - mark.time.getTime() < OLD;
}

/**
 * Puts a file to a server under its SHA-256, unless it is there; `known` is its content, where that is known. Its parts
 * go before the mark that says that it is whole.
 */
export async function putFile(nats: Nats, path: string, known?: Digest): Promise<Digest> {
  const content = known ?? (await digest(path));
  const { sha256, bytes } = content;
  if (await isKept(nats, sha256)) return content;
  const put = (part: number | 'whole', data?: Uint8Array) =>
    nats.jetstream.publish(objectSubject(sha256, part), data);
  for (let part = 0; part * PART_BYTES < bytes; part++) {
    const data = await readPart(path, part * PART_BYTES, PART_BYTES);
    if (data.length === 0) throw invalid(path, 'it was cut while it was sent');
    await put(part, data);
  }
  await put('whole');
  return content;
}

/**
 * Writes an object of a server to a file, whole or not at all. Throws a `UserError` where the server does not have it,
 * or has something else under its name; `what` says what it is.
 */
export async function fetchFile(
  { manager }: Nats,
  { sha256, bytes }: Digest,
  path: string,
  what: string,
): Promise<void> {
  const damaged = () =>
    invalid(
      what,
      `the object ${sha256.slice(0, 12)}… of the server does not have the ${bytes} bytes that its name stands for`,
    );
  await writeWhole(path, async (file) => {
    const hash = createHash('sha256');
    let length = 0;
    for (let part = 0; length < bytes; part++) {
      const find = { last_by_subj: objectSubject(sha256, part) };
      const message = await manager.direct.getMessage(WORK.objects, find);
      if (!message && part === 0)
        throw new UserError(`${what}: the server has no object ${sha256.slice(0, 12)}… any more`, {
          kind: 'missing',
          subject: what,
        });
      const data = message?.data ?? new Uint8Array();
      length += data.length;
      if (data.length === 0 || length > bytes) throw damaged();
      hash.update(data);
      await file.writeFile(data);
    }
    if (hash.digest('hex') !== sha256) throw damaged();
  });
}

/** Takes an object off a server, which would forget it later by itself. */
export const removeFile = ({ manager }: Nats, { sha256 }: Digest): Promise<unknown> =>
  manager.streams.purge(WORK.objects, { filter: objectSubject(sha256, '>') });

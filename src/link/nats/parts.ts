import { UserError, invalid, messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import type { Incoming } from '../wire/transfer.ts';
import { readPart } from '../../files/readPart.ts';
import { NATS_PART_BYTES } from './subjects.ts';

/** Milliseconds for a part to reach the server's disk. */
const LONGEST_PUT = 10_000;

/** Puts a file's parts into a stream, under the subject that each has; one that is there is replaced. */
export async function putParts(
  { jetstream }: Nats,
  path: string,
  bytes: number,
  subjectOf: (part: number) => string,
): Promise<void> {
  for (let offset = 0, part = 0; offset < bytes; part++) {
    const data = await readPart(path, offset, NATS_PART_BYTES);
    if (data.length === 0) throw invalid(path, 'it was cut while it was sent');
    await jetstream.publish(subjectOf(part), data, { timeout: LONGEST_PUT });
    offset += data.length;
  }
}

/** Takes a file's parts out of a stream until all of it is there. Throws a `UserError` for one that is missing. */
export async function takeParts(
  { manager }: Nats,
  stream: string,
  incoming: Incoming,
  subjectOf: (part: number) => string,
  onPart: () => void = () => undefined,
): Promise<void> {
  for (let part = 0, isWhole = false; !isWhole; part++) {
    const message = await manager.direct
      .getMessage(stream, { last_by_subj: subjectOf(part) })
      .catch((error: unknown) => {
        throw invalid(incoming.name, `cannot be read from the server: ${messageOf(error)}`);
      });
    if (!message)
      throw new UserError(`${incoming.name}: its part ${part} is not on the server`, {
        kind: 'missing',
        subject: incoming.name,
      });
    isWhole = await incoming.take(incoming.offset, message.data);
    onPart();
  }
}

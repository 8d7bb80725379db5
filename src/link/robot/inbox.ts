import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { messageOf } from '../../errors.ts';
import { discard } from '../../episodes/mcap.ts';
import type { AdapterFit } from '../../policy/bundle/readAdapter.ts';
import { adapterVersion } from '../../policy/bundle/adapter.ts';
import { openLedger } from '../ledger.ts';
import type { MessageOf } from '../wire/protocol.ts';
import { type Incoming, receive } from '../wire/transfer.ts';

const SUFFIX = '.safetensors';
/** A running number and a version a line: one that is taken up again is the newest again. */
const TAKEN = 'taken.txt';

/** A policy that adapters are to fit, in the version in which it was opened. */
export type AdaptedPolicy = AdapterFit & { version: string };

/** A file that is said to hold this adapter. */
export interface AdapterFile {
  path: string;
  version: string;
}

/** What a learner says of an adapter before its bytes come. */
export type AnnouncedAdapter = Omit<MessageOf<'adapter'>, 'kind'>;

/** A runtime's adapters: which it has taken, and the newest one's file. */
export interface Inbox {
  /** The adapter that is played; the base's version if none. */
  readonly version: string;
  /** Hands the adapter over that was played last, if this folder has one. */
  resume(): Promise<void>;
  /** Why an adapter is not wanted, before its bytes come; undefined if it is. */
  objection(announced: AnnouncedAdapter): string | undefined;
  begin(announced: AnnouncedAdapter): Promise<Incoming>;
  /** Checks an adapter that is all there, hands it over and notes it. Throws a `UserError`; nothing changed then. */
  take(arrived: Incoming): Promise<void>;
  close(): Promise<void>;
}

/** The inbox in a folder, made if absent. `adopt` plays a file's adapter from the next chunk on, or rejects. */
export async function openInbox(
  folder: string,
  policy: AdaptedPolicy,
  adopt: (file: AdapterFile) => Promise<void>,
  log: (line: string) => void,
): Promise<Inbox> {
  await makeFolder(folder);
  const ledger = await openLedger(join(folder, TAKEN));
  const taken = [...ledger.lines].map((line) => line.slice(line.indexOf(' ') + 1));
  const pathOf = (version: string) => join(folder, version + SUFFIX);
  const partial = join(folder, 'incoming.part');
  const origin = adapterVersion(policy);
  const known = (version: string) =>
    version === policy.base || version === origin || taken.includes(version);
  let version = origin;

  const handOver = async (path: string, expected: string) => {
    await adopt({ path, version: expected });
    version = expected;
  };

  const removeOthers = async (keep: string) => {
    for (const name of await readdir(folder))
      if (name.endsWith(SUFFIX) && name !== keep + SUFFIX) await discard(join(folder, name));
  };

  return {
    get version() {
      return version;
    },
    async resume() {
      const last = taken.at(-1);
      if (last === undefined) return;
      await handOver(pathOf(last), last).catch((error: unknown) => {
        log(`begins with the policy ${origin}, not with the adapter ${last}: ${messageOf(error)}`);
      });
    },
    objection({ name, line, base }) {
      if (base !== policy.base)
        return `the adapter ${name} belongs to the policy ${base}, this runtime plays ${policy.base}`;
      if (!line.some(known))
        return `the adapter ${name} descends from ${line[0]}, which this runtime never had; begin the learner from ${version} or from the base ${policy.base}`;
      return undefined;
    },
    begin: ({ name, bytes, sha256 }) => receive(partial, { name, bytes, sha256 }),
    async take(arrived) {
      const { name } = arrived;
      const path = pathOf(name);
      await arrived.keep(path);
      try {
        await handOver(path, name);
      } catch (error) {
        if (name !== version) await discard(path);
        throw error;
      }
      try {
        await ledger.add(`${taken.length} ${name}`);
        taken.push(name);
        await removeOthers(name);
      } catch (error) {
        log(`plays the adapter ${name}, but could not note it: ${messageOf(error)}`);
      }
    },
    close: () => ledger.close(),
  };
}

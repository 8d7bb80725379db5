import { messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import type { Inbox } from '../robot/inbox.ts';
import type { Incoming } from '../wire/transfer.ts';
import { takeParts } from './parts.ts';
import { ADAPTERS, POLICY, type RobotEvent, type Wanted, adapterPart, readMessage, robotSubject, wantedSubject, writeMessage } from './subjects.ts'; // prettier-ignore

/** The part of a robot's session that takes over the versions that it is to play. */
export interface Adoption {
  /** Why the version that was wanted last was not taken; null if it was. */
  readonly refused: string | null;
  /** Looks for the wanted version: of one that was set while there was no way to the server nobody hears. */
  look(): void;
  /** Looks whether another version is wanted than was heard of last. */
  poll(): void;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

export interface AdoptionOptions {
  nats: Nats;
  inbox: Inbox;
  log: (line: string) => void;
  onChange: () => void;
}

/** Milliseconds after which a version that could not be taken, as with a full disk, is tried again. */
const FIRST_RETRY = 1000;
const LONGEST_RETRY = 60_000;

/** What a robot is to play; undefined where it cannot be read, as without a learner, which makes the bucket. */
const wantedText = ({ manager, name }: Nats): Promise<string | undefined> =>
  manager.direct.getMessage(`KV_${POLICY}`, { last_by_subj: wantedSubject(name) }).then(
    (message) => message?.string(),
    () => undefined,
  );

/** Takes over wanted versions one after another; of those that came meanwhile only the newest. */
export function openAdoption({ nats, inbox, log, onChange }: AdoptionOptions): Adoption {
  const { connection, name: robot } = nats;
  const inOrder = createQueue();
  let [isClosed, newest, heard, retryAfter] = [false, 0, '', FIRST_RETRY];
  let retry: NodeJS.Timeout | undefined;
  let refused: string | null = null;

  const tell = (event: RobotEvent) => {
    if (!connection.isClosed())
      connection.publish(robotSubject(robot, 'event'), writeMessage('event', event));
  };
  const refuse = (version: string, why: string) => {
    const told = `the adapter ${version} was not taken: ${why}`;
    if (refused === told) return;
    log((refused = told));
    onChange();
    tell({ kind: 'notTaken', version, why: why.slice(0, 2000) });
  };

  const take = async (wanted: Wanted) => {
    const { name, sha256 } = wanted;
    if (name === inbox.version) return tell({ kind: 'taken', version: name });
    const objection = inbox.objection(wanted);
    if (objection !== undefined) return refuse(name, objection);
    let incoming: Incoming | undefined;
    try {
      incoming = await inbox.begin(wanted);
      await takeParts(nats, ADAPTERS, incoming, (part) => adapterPart(sha256, part));
      await inbox.take(incoming);
    } catch (error) {
      await incoming?.abandon();
      if (isClosed) return;
      refuse(name, messageOf(error));
      return tryAgain();
    }
    [refused, retryAfter] = [null, FIRST_RETRY];
    log(`plays the adapter ${name}`);
    onChange();
    tell({ kind: 'taken', version: name });
  };

  const tryAgain = () => {
    clearTimeout(retry);
    [retry, retryAfter] = [setTimeout(look, retryAfter), Math.min(2 * retryAfter, LONGEST_RETRY)];
  };

  const takeText = (text: string) => {
    heard = text;
    const turn = ++newest;
    void inOrder(async () => {
      if (isClosed || turn !== newest) return;
      await take(readMessage('wanted', text));
    }).catch((error: unknown) => log(`cannot take what the learner wants: ${messageOf(error)}`));
  };

  const find = async (isMeant: (text: string) => boolean) => {
    const turn = newest;
    const text = await wantedText(nats);
    if (text !== undefined && turn === newest && isMeant(text)) takeText(text);
  };
  const look = () => void find(() => true);
  connection.subscribe(wantedSubject(robot), {
    callback: (error, message) => {
      if (!error) takeText(message.string());
    },
  });
  return {
    get refused() {
      return refused;
    },
    look,
    poll: () => void find((text) => text !== heard),
    async close() {
      isClosed = true;
      clearTimeout(retry);
      await inOrder(() => undefined);
    },
  };
}

import { messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import type { Inbox } from '../robot/inbox.ts';
import { takeParts } from './parts.ts';
import { ADAPTERS, POLICY, type RobotEvent, type Wanted, adapterPart, readMessage, robotSubject, wantedSubject, writeMessage } from './subjects.ts'; // prettier-ignore

/** The part of a robot's session that takes over the versions that it is to play. */
export interface Adoption {
  /** Why the version that was wanted last was not taken; null if it was. */
  readonly refused: string | null;
  /** Looks for the wanted version: of one that was set while there was no connection nobody hears. */
  look(): void;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

export interface AdoptionOptions {
  nats: Nats;
  inbox: Inbox;
  log: (line: string) => void;
  onChange: () => void;
}

/** Takes over wanted versions one after another; of those that came meanwhile only the newest. */
export function openAdoption({ nats, inbox, log, onChange }: AdoptionOptions): Adoption {
  const { connection, manager, name: robot } = nats;
  const inOrder = createQueue();
  let [isClosed, newest] = [false, 0];
  let refused: string | null = null;

  const tell = (event: RobotEvent) => {
    if (!connection.isClosed())
      connection.publish(robotSubject(robot, 'event'), writeMessage('event', event));
  };
  const refuse = (version: string, why: string) => {
    refused = `the adapter ${version} was not taken: ${why}`;
    log(refused);
    onChange();
    tell({ kind: 'notTaken', version, why: why.slice(0, 2000) });
  };

  const take = async (wanted: Wanted) => {
    const { name, sha256 } = wanted;
    if (name === inbox.version) return tell({ kind: 'taken', version: name });
    const objection = inbox.objection(wanted);
    if (objection !== undefined) return refuse(name, objection);
    const incoming = await inbox.begin(wanted);
    try {
      await takeParts(nats, ADAPTERS, incoming, (part) => adapterPart(sha256, part));
      await inbox.take(incoming);
    } catch (error) {
      await incoming.abandon();
      if (!isClosed) refuse(name, messageOf(error));
      return;
    }
    refused = null;
    log(`plays the adapter ${name}`);
    onChange();
    tell({ kind: 'taken', version: name });
  };

  const takeText = (text: string) => {
    const turn = ++newest;
    void inOrder(async () => {
      if (isClosed || turn !== newest) return;
      await take(readMessage('wanted', text));
    }).catch((error: unknown) => log(`cannot take what the learner wants: ${messageOf(error)}`));
  };

  connection.subscribe(wantedSubject(robot), {
    callback: (error, message) => {
      if (!error) takeText(message.string());
    },
  });
  return {
    get refused() {
      return refused;
    },
    look() {
      const find = { last_by_subj: wantedSubject(robot) };
      const turn = newest;
      manager.direct.getMessage(`KV_${POLICY}`, find).then(
        (message) => message && turn === newest && takeText(message.string()),
        // Without a learner there is no bucket yet.
        () => undefined,
      );
    },
    async close() {
      isClosed = true;
      await inOrder(() => undefined);
    },
  };
}

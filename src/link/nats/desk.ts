import { setTimeout } from 'node:timers/promises';
import type { KV } from '@nats-io/kv';
import { messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import { parseJson, validate } from '../../validate.ts';
import { ANSWER_KEY, type FleetAnswer, type FleetOrder, type FleetStatus, LEARNER_KEY, ORDER_KEY, answerSchema, fleetSubject, orderSchema, robotKey } from './fleet.ts'; // prettier-ignore

/** Milliseconds between two tellings. */
const TELL_EVERY = 500;

export interface DeskOptions {
  nats: Nats;
  bucket: KV;
  /** Carries an order out; gives what came of it, or rejects with why not. */
  obey: (order: FleetOrder) => Promise<string>;
  /** Whether this still is the server's learner. */
  hold: () => Promise<boolean>;
  log: (line: string) => void;
}

/** The learner's part that tells what it knows of its fleet, and takes orders, also those of while it was away. */
export interface Desk {
  /** Tells it; of what changes faster than it can be told only the newest. */
  tell(status: FleetStatus): void;
  /** Takes the orders that nobody has answered. */
  look(): void;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Opens a desk; what was told before, and is the same, is not told again. */
export function openDesk({ nats, bucket, obey, hold, log }: DeskOptions): Desk {
  const inOrder = createQueue();
  const told = new Map<string, string>();
  let newest: FleetStatus | undefined;
  let isClosed = false;

  const put = async (key: string, value: object) => {
    const text = JSON.stringify(value);
    if (told.get(key) === text) return;
    await bucket.put(key, text);
    told.set(key, text);
  };
  const tellAll = async () => {
    while (newest && !isClosed && (await hold())) {
      const { learner, robots } = newest;
      newest = undefined;
      await put(LEARNER_KEY, learner);
      for (const [robot, status] of Object.entries(robots)) await put(robotKey(robot), status);
      await setTimeout(TELL_EVERY);
    }
  };
  let telling: Promise<void> | undefined;

  const textsOf = async (key: string): Promise<string[]> => {
    const texts: string[] = [];
    for await (const entry of await bucket.history({ key })) texts.push(entry.string());
    return texts;
  };
  const read = (text: string): FleetOrder | undefined => {
    try {
      return validate(orderSchema, parseJson(text, 'an order'), 'an order');
    } catch (error) {
      log(`an order is left out: ${messageOf(error)}`);
      return undefined;
    }
  };
  const answerTo = async ({ id, ...order }: FleetOrder): Promise<FleetAnswer> => {
    try {
      return { id, says: await obey({ id, ...order }), isDone: true };
    } catch (error) {
      return { id, says: messageOf(error), isDone: false };
    }
  };
  const obeyAll = async () => {
    if (!(await hold())) return;
    const answered = new Set(
      (await textsOf(ANSWER_KEY)).map((text) => answerSchema.parse(JSON.parse(text)).id),
    );
    for (const text of await textsOf(ORDER_KEY)) {
      const order = read(text);
      if (!order || answered.has(order.id) || isClosed) continue;
      await bucket.put(ANSWER_KEY, JSON.stringify(await answerTo(order)));
    }
  };
  const look = () =>
    void inOrder(obeyAll).catch((error: unknown) => {
      if (!isClosed) log(`orders could not be read: ${messageOf(error)}`);
    });
  nats.connection.subscribe(fleetSubject(ORDER_KEY), { callback: look });
  return {
    look,
    tell(status) {
      newest = status;
      telling ??= tellAll()
        .catch((error: unknown) => {
          if (!isClosed) log(`could not tell how the fleet is: ${messageOf(error)}`);
        })
        .finally(() => (telling = undefined));
    },
    async close() {
      isClosed = true;
      await inOrder(() => undefined);
      await telling;
    },
  };
}

import { join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../files/isThere.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { createQueue } from '../processes/queue.ts';
import { readJson, validate } from '../validate.ts';

/** Who ordered it, and when: milliseconds of the wall clock. */
const order = z.object({ by: z.string(), at: z.number() });
const ofVersion = order.extend({ version: z.string() });

const ordersSchema = z.object({
  /** Updates wait. */
  paused: order.optional(),
  /** The robot plays this version, and updates wait. */
  pinned: ofVersion.optional(),
  /** Robots of a fleet that play a version of their own, by name; updates go on. */
  pinnedRobots: z.record(z.string(), ofVersion).optional(),
  /** The robot goes back to this version; absent once that is done. */
  rollBack: ofVersion.optional(),
});

/** What a person has ordered of a learner. */
export type Orders = z.infer<typeof ordersSchema>;

/** The file in a learner's folder that holds them, JSON. An order stays until it is taken back or done. */
const ORDERS = 'orders.json';

export const ordersFile = (folder: string): string => join(folder, ORDERS);

/** Reads the orders in a folder; none where it holds none. Throws a `UserError` for a file that is none. */
export async function readOrders(folder: string): Promise<Orders> {
  const path = ordersFile(folder);
  return (await isThere(path)) ? validate(ordersSchema, await readJson(path), path) : {};
}

/** The orders of a learner. */
export interface OrderBook {
  readonly now: Orders;
  /** Changes some of them; one that becomes undefined is taken back, or done. Resolves when that is on the disk. */
  change(changeOf: (now: Orders) => Partial<Orders>): Promise<void>;
}

/** Opens the orders of a learner's folder. Throws a `UserError` for a file that holds none. */
export async function openOrders(folder: string): Promise<OrderBook> {
  let now = await readOrders(folder);
  const inOrder = createQueue();
  return {
    get now() {
      return now;
    },
    change: (changeOf) =>
      inOrder(async () => {
        const next = { ...now, ...changeOf(now) };
        await writeWhole(ordersFile(folder), `${JSON.stringify(next)}\n`);
        now = next;
      }),
  };
}

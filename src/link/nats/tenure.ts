import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { AckPolicy, JetStreamApiError } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { UserError } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { EPISODES, NATS_PROTOCOL, WHO, readMessage, writeMessage } from './subjects.ts';

/** Milliseconds for which a learner's process may outlive the learner that was killed. */
const HANDOVER = 2000;
const TRY_EVERY = 200;
/** Offers that a learner may have in hand. */
const MOST_IN_HAND = 64;
/** Milliseconds after which an offer of which nothing was heard comes again. */
const ACKNOWLEDGE_WITHIN = 30_000;
/** Codes of a server that lets a stream have no second consumer. */
const SECOND = [10099, 10100];
/** That of a server that has no such consumer. */
const NO_CONSUMER = 10014;

/**
 * What makes a learner the only one of its server: the consumer of offers, which bears its name. Whoever takes over
 * removes the one of before, so that a learner that was cut off meanwhile gets no offer any more, and acknowledges none.
 */
export interface Tenure {
  /** The consumer of offers. */
  readonly consumer: string;
  /** Takes over from learners that do not answer. */
  begin: () => Promise<void>;
  /** Has the server deliver again at once what was delivered and not acknowledged, as after a connection that broke. */
  renew: () => Promise<void>;
  /** Whether this still is the server's learner; where it is not, that is told once. */
  hold: () => Promise<boolean>;
}

export interface TenureOptions {
  nats: Nats;
  /** The same as long as this learner's process lives, of no other one. */
  instance: string;
  /** The learner's folder, by which people know it. */
  folder: string;
  log: (line: string) => void;
}

/**
 * Begins a tenure, and answers learners that ask for one later. `onReplaced` hears of another learner that took over.
 * Throws a `UserError` where another learner answers.
 */
export async function openTenure(
  { nats, instance, folder, log }: TenureOptions,
  onReplaced: (error: UserError) => void,
): Promise<Tenure> {
  const { connection, manager, address, name } = nats;
  const self = { protocol: NATS_PROTOCOL, instance, who: `${name} on ${hostname()}, folder ${folder}` }; // prettier-ignore
  const consumer = `learner-${instance}`;
  let isOver = false;

  /** Who else is there; undefined for nobody. */
  const other = async (): Promise<string | undefined> => {
    const answer = await connection
      .request(WHO, writeMessage('learner', self), { timeout: HANDOVER })
      .catch(() => undefined);
    return answer && readMessage('learner', answer.string()).who;
  };
  const demandAlone = async () => {
    const last = performance.now() + HANDOVER;
    for (let who; (who = await other()) !== undefined; await setTimeout(TRY_EVERY))
      if (performance.now() > last)
        throw new UserError(
          `${address}: another learner serves the robots there: ${who}; end it, or choose another server`,
          { kind: 'unready', subject: address },
        );
  };
  const addConsumer = () =>
    manager.consumers.add(EPISODES, {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACKNOWLEDGE_WITHIN),
      max_ack_pending: MOST_IN_HAND,
    });

  await demandAlone();
  const told = new Set<string>();
  connection.subscribe(WHO, {
    callback: (error, message) => {
      if (error || isOver) return;
      const asking = readMessage('learner', message.string());
      if (asking.instance === instance) return;
      message.respond(writeMessage('learner', self));
      if (!told.has(asking.instance)) log(`turned away another learner: ${asking.who}`);
      told.add(asking.instance);
    },
  });
  return {
    consumer,
    async begin() {
      for await (const { name } of manager.consumers.list(EPISODES))
        if (name !== consumer) await manager.consumers.delete(EPISODES, name);
      await addConsumer();
    },
    async renew() {
      if (isOver) return;
      await manager.consumers.delete(EPISODES, consumer).catch((error: unknown) => {
        if (!(error instanceof JetStreamApiError) || error.code !== NO_CONSUMER) throw error;
      });
      await addConsumer();
    },
    async hold() {
      if (isOver) return false;
      try {
        await addConsumer();
        return true;
      } catch (error) {
        if (!(error instanceof JetStreamApiError) || !SECOND.includes(error.code)) throw error;
      }
      if (isOver) return false;
      isOver = true;
      const who = (await other()) ?? 'it does not answer now';
      onReplaced(
        new UserError(
          `${address}: another learner took over while this one was cut off: ${who}; this one ends, and what came meanwhile is the other one's`,
          { kind: 'unready', subject: address },
        ),
      );
      return false;
    },
  };
}

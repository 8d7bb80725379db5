import { randomUUID } from 'node:crypto';
import { unready } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { parseJson } from '../../validate.ts';
import { ANSWER_KEY, FLEET, type FleetAct, type FleetAnswer, ORDER_KEY, answerSchema, fleetSubject } from './fleet.ts'; // prettier-ignore

/** Milliseconds that a learner has to answer. */
const PATIENCE = 15_000;

/**
 * Orders something of a fleet's learner; resolves to what came of it. Without a learner the order waits on the server,
 * which is said. Throws a `UserError` for what the learner refuses.
 */
export async function orderFleet(
  nats: Nats,
  order: FleetAct,
  patience = PATIENCE,
): Promise<string> {
  const { connection, jetstream, name } = nats;
  const id = randomUUID();
  let settle: (answer: FleetAnswer | undefined) => void = () => undefined;
  const answered = new Promise<FleetAnswer | undefined>((resolve) => (settle = resolve));
  const subscription = connection.subscribe(fleetSubject(ANSWER_KEY), {
    callback: (error, message) => {
      if (error) return;
      const answer = answerSchema.safeParse(parseJson(message.string(), 'an answer')).data;
      if (answer?.id === id) settle(answer);
    },
  });
  await connection.flush();
  const timer = setTimeout(() => settle(undefined), patience);
  try {
    await jetstream.publish(fleetSubject(ORDER_KEY), JSON.stringify({ id, by: name, order }), {
      expect: { streamName: `KV_${FLEET}` },
    });
    const answer = await answered;
    if (!answer)
      return 'no learner answers; the order waits on the server, and is carried out when a learner is there';
    if (!answer.isDone) throw unready(answer.says);
    return answer.says;
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
  }
}

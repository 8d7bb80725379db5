import { setTimeout } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import { messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import type { LearnerEndOptions } from '../learner/learnerEnd.ts';
import type { KeptEpisode } from '../learner/store.ts';
import { takeParts } from './parts.ts';
import type { Robots } from './robots.ts';
import { LEARNER, openStreams } from './streams.ts';
import { type Answer, EPISODES, type Offer, PARTS, episodePart, readMessage, robotIn, robotSubject, writeMessage } from './subjects.ts'; // prettier-ignore

/** Episodes that are fetched at once. */
const AT_ONCE = 8;
/** Milliseconds. */
const TRY_EVERY = 1000;

/** Takes the episodes that wait on a server. */
export interface Reception {
  /** Resolves when none is under way. */
  close(): Promise<void>;
}

/** Takes offers as they come; each is acknowledged once its episode is on the disk, or cannot be. */
export function openReception(
  nats: Nats,
  robots: Robots,
  { store, onEpisode, onLabels, log }: LearnerEndOptions,
): Reception {
  const { connection, jetstream, manager } = nats;
  const onDisk = createQueue();
  const underWay = new Set<Promise<void>>();
  /** Episodes that are being fetched: one that is offered twice is fetched once. */
  const turns = new Map<string, Promise<unknown>>();
  let [isClosed, stop] = [false, () => {}];

  const tell = (robot: string, answer: Answer) =>
    connection.publish(robotSubject(robot, 'answer'), writeMessage('answer', answer));

  const keep = async (robot: string, offer: Offer, message: JsMsg): Promise<KeptEpisode> => {
    const { name, sha256, labels } = offer;
    const found = await onDisk(() => store.find(offer));
    if (found) {
      const episode = await onDisk(() => store.label(name, found.path, labels));
      if (found.isNew) onEpisode(episode);
      else if (labels.length > 0) onLabels(episode);
      return episode;
    }
    const incoming = await store.begin(offer);
    try {
      const subjectOf = (part: number) => episodePart(robot, sha256, part);
      await takeParts(nats, PARTS, incoming, subjectOf, () => message.working());
      const episode = await onDisk(() => store.keep(incoming, labels));
      onEpisode(episode);
      return episode;
    } catch (error) {
      await incoming.abandon();
      throw error;
    }
  };

  const removeParts = (robot: string, sha256: string) =>
    manager.streams
      .purge(PARTS, { filter: episodePart(robot, sha256, '>') })
      .catch((error: unknown) => log(`an episode's parts stay on the server: ${messageOf(error)}`));

  const take = async (robot: string, offer: Offer, message: JsMsg) => {
    const { name, sha256 } = offer;
    const why = robots.objection(offer);
    if (why !== undefined) {
      robots.refuse(`an episode of the robot ${robot}`, why);
      tell(robot, { kind: 'refused', why });
    } else
      try {
        await keep(robot, offer, message);
        tell(robot, { kind: 'kept', name, sha256 });
      } catch (error) {
        if (isClosed) return;
        log(`did not keep the episode ${name} of the robot ${robot}: ${messageOf(error)}`);
        tell(robot, { kind: 'notKept', name, sha256, why: messageOf(error) });
      }
    message.ack();
    await removeParts(robot, sha256);
  };

  const attend = async (message: JsMsg) => {
    const robot = robotIn(message.subject);
    let offer: Offer;
    try {
      offer = readMessage('offer', message.string());
    } catch (error) {
      robots.refuse(`an offer of the robot ${robot}`, messageOf(error));
      tell(robot, { kind: 'refused', why: messageOf(error) });
      return message.term();
    }
    const before = turns.get(offer.sha256);
    const turn = (before ?? Promise.resolve()).then(() => take(robot, offer, message));
    turns.set(offer.sha256, turn);
    await turn.finally(() => turns.get(offer.sha256) === turn && turns.delete(offer.sha256));
  };

  const receive = async () => {
    const consumer = await jetstream.consumers.get(EPISODES, LEARNER);
    const messages = await consumer.consume({ max_messages: AT_ONCE });
    stop = () => messages.stop();
    if (isClosed) stop();
    for await (const message of messages) {
      const work: Promise<void> = attend(message)
        .catch((error: unknown) => log(`an offer failed: ${messageOf(error)}`))
        .finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    }
  };

  const receiveForEver = async () => {
    while (!isClosed)
      try {
        await receive();
      } catch (error) {
        if (isClosed) return;
        log(`the server at ${nats.address} gives no episodes: ${messageOf(error)}`);
        // One that lost its files has no streams any more.
        await openStreams(nats).catch(() => undefined);
        await setTimeout(TRY_EVERY);
      }
  };
  const received = receiveForEver();
  return {
    async close() {
      isClosed = true;
      stop();
      await Promise.allSettled(underWay);
      await received;
    },
  };
}

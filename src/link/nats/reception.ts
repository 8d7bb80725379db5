import { setTimeout } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import { messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import type { LearnerEndOptions } from '../learner/learnerEnd.ts';
import { takeParts } from './parts.ts';
import type { Robots } from './robots.ts';
import { openStreams } from './streams.ts';
import type { Tenure } from './tenure.ts';
import { type Answer, EPISODES, type Offer, PARTS, episodePart, readMessage, robotIn, robotSubject, writeMessage } from './subjects.ts'; // prettier-ignore

/** Episodes that are fetched at once. */
const AT_ONCE = 16;
/** Milliseconds. */
const TRY_EVERY = 1000;
/** A pull whose answer is lost is noticed by its silence, and made again within its length. */
const LISTEN = {
  max_messages: AT_ONCE,
  expires: 2000,
  idle_heartbeat: 1000,
  abort_on_missing_resource: true,
};

export interface ReceptionOptions extends LearnerEndOptions {
  tenure: Tenure;
}

/** Takes the offers that wait on a server; each is acknowledged once its episode is on the disk, or cannot be. */
export class Reception {
  private readonly nats: Nats;
  private readonly robots: Robots;
  private readonly options: ReceptionOptions;
  private readonly underWay = new Set<Promise<void>>();
  private readonly removals = new Set<Promise<void>>();
  /** By hash and by name: an episode that is offered twice is fetched once, and names are given one after another. */
  private readonly turns = new Map<string, Promise<unknown>>();
  private received: Promise<void> = Promise.resolve();
  private isClosed = false;
  /** Of the connection: aborts when that breaks. */
  private life = new AbortController();
  private stop: () => void = () => undefined;

  constructor(nats: Nats, robots: Robots, options: ReceptionOptions) {
    this.nats = nats;
    this.robots = robots;
    this.options = options;
    this.again();
  }

  /** The connection broke: what is under way over it is left, and not acknowledged. */
  broke(): void {
    this.life.abort();
  }

  /** Receives over a new connection: what the one before took with it is delivered again. */
  again(): void {
    this.stop();
    this.life = new AbortController();
    this.received = this.receiveForEver(this.life.signal);
  }

  /** Resolves when none is under way. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stop();
    await Promise.allSettled(this.underWay);
    await Promise.allSettled(this.removals);
    await this.received;
  }

  private async receiveForEver(life: AbortSignal): Promise<void> {
    const isOver = () => this.isClosed || life.aborted;
    while (!isOver())
      try {
        await this.receive(life);
      } catch (error) {
        if (isOver()) return;
        this.options.log(
          `the server at ${this.nats.address} gives no episodes: ${messageOf(error)}`,
        );
        if (!(await this.mayGoOn().catch(() => true))) return;
        await setTimeout(TRY_EVERY);
      }
  }

  /** Whether this learner still is the server's. One that lost its files gets its streams again. */
  private async mayGoOn(): Promise<boolean> {
    await openStreams(this.nats);
    return this.options.tenure.hold();
  }

  private async receive(life: AbortSignal): Promise<void> {
    const { log, tenure } = this.options;
    const { underWay } = this;
    await tenure.renew();
    const consumer = await this.nats.jetstream.consumers.get(EPISODES, tenure.consumer);
    if (life.aborted) return;
    const messages = await consumer.consume(LISTEN);
    if (life.aborted) return messages.stop();
    this.stop = () => messages.stop();
    if (this.isClosed) this.stop();
    for await (const message of messages) {
      const work: Promise<void> = this.attend(message, life)
        .catch((error: unknown) => log(`an offer failed: ${messageOf(error)}`))
        .finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    }
  }

  private async attend(message: JsMsg, life: AbortSignal): Promise<void> {
    const robot = robotIn(message.subject);
    let offer: Offer;
    try {
      offer = readMessage('offer', message.string());
    } catch (error) {
      this.robots.refuse(`an offer of the robot ${robot}`, messageOf(error));
      this.tell(robot, { kind: 'refused', why: messageOf(error) });
      return message.term();
    }
    const { turns } = this;
    const keys = [offer.sha256, offer.name];
    const before = Promise.allSettled(keys.flatMap((key) => turns.get(key) ?? []));
    const turn = before.then(() => this.take(robot, offer, message, life));
    for (const key of keys) turns.set(key, turn);
    await turn.finally(() => {
      for (const key of keys) if (turns.get(key) === turn) turns.delete(key);
    });
  }

  private async take(
    robot: string,
    offer: Offer,
    message: JsMsg,
    life: AbortSignal,
  ): Promise<void> {
    const { name, sha256 } = offer;
    const why = this.robots.objection(offer);
    if (why !== undefined) {
      this.robots.refuse(`an episode of the robot ${robot}`, why);
      this.tell(robot, { kind: 'refused', why });
    } else
      try {
        await this.keep(robot, offer, message);
        this.tell(robot, { kind: 'kept', name, sha256 });
      } catch (error) {
        if (this.isClosed || life.aborted) return;
        this.options.log(
          `did not keep the episode ${name} of the robot ${robot}: ${messageOf(error)}`,
        );
        this.tell(robot, { kind: 'notKept', name, sha256, why: messageOf(error) });
      }
    message.ack();
    const removal: Promise<void> = this.removeParts(robot, sha256).finally(() =>
      this.removals.delete(removal),
    );
    this.removals.add(removal);
  }

  private async keep(robot: string, offer: Offer, message: JsMsg): Promise<void> {
    const { store, onEpisode, onLabels } = this.options;
    const { name, sha256, labels } = offer;
    const found = await store.find(offer, robot);
    if (found) {
      const episode = await store.label(name, found.path, labels);
      if (found.isNew) onEpisode(episode);
      else if (labels.length > 0) onLabels(episode);
      return;
    }
    const incoming = await store.begin(offer);
    try {
      const subjectOf = (part: number) => episodePart(robot, sha256, part);
      await takeParts(this.nats, PARTS, incoming, subjectOf, () => message.working());
      onEpisode(await store.keep(incoming, labels, robot));
    } catch (error) {
      await incoming.abandon();
      throw error;
    }
  }

  private tell(robot: string, answer: Answer): void {
    const { connection } = this.nats;
    connection.publish(robotSubject(robot, 'answer'), writeMessage('answer', answer));
  }

  private async removeParts(robot: string, sha256: string): Promise<void> {
    await this.nats.manager.streams
      .purge(PARTS, { filter: episodePart(robot, sha256, '>') })
      .catch((error: unknown) =>
        this.options.log(`an episode's parts stay on the server: ${messageOf(error)}`),
      );
  }
}

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { RequestError, TimeoutError } from '@nats-io/transport-node';
import { messageOf } from '../../errors.ts';
import { type Nats, connectNats } from '../../nats/connect.ts';
import type { Session, SessionOptions } from '../robot/session.ts';
import { type Adoption, openAdoption } from './adoption.ts';
import { Offering } from './offering.ts';
import { BEAT, EPISODES, NATS_PROTOCOL, type RobotEmbodiment, type RobotSelf, readMessage, robotSubject, writeMessage } from './subjects.ts'; // prettier-ignore

/** Milliseconds, all of them by the monotonic clock. */
const LOOK_EVERY = 1000;
const LONGEST_SILENCE = 5000;
const LONGEST_ANSWER = 5000;
/** Between two looks for a version that was not heard of, as through a leaf server whose way to the server broke. */
const POLL_EVERY = 5000;
/** Why a session ends with its program. */
const CLOSED = 'closed';

export interface NatsRobot {
  address: string;
  keys: string | undefined;
  /** Folder of the robot's episodes: with the machine's name it tells one robot from another. */
  episodes: string;
  embodiment: RobotEmbodiment | undefined;
}

/** The same in every life of a robot. */
const instanceOf = (episodes: string) =>
  createHash('sha256').update(`${hostname()} ${episodes}`).digest('hex').slice(0, 16);

/** Opens a connection to a NATS server. Never throws; all that goes wrong ends the session. */
export function openNatsSession(robot: NatsRobot, options: SessionOptions): Session {
  const session = new NatsSession(robot, options);
  return {
    ended: session.run(),
    notify: () => session.notify(),
    close: () => session.end(CLOSED),
  };
}

class NatsSession {
  private readonly robot: NatsRobot;
  private readonly options: SessionOptions;
  private readonly instance: string;
  private readonly over: Promise<string>;
  private settle: (reason: string) => void = () => undefined;
  private reason: string | undefined;
  private nats!: Nats;
  private offering!: Offering;
  private adoption!: Adoption;
  /** The learner that has let this robot in. */
  private learner: string | undefined;
  private heard = 0;
  private isAsking = false;
  /** It is connected: until then what there is to offer waits in the outbox. */
  private isOpen = false;
  /** There is no learner, but the server keeps what it is to have. */
  private isWaiting = false;

  constructor(robot: NatsRobot, options: SessionOptions) {
    this.robot = robot;
    this.options = options;
    this.instance = instanceOf(robot.episodes);
    this.over = new Promise((resolve) => (this.settle = resolve));
  }

  /** Serves the connection; resolves to why it ended. */
  async run(): Promise<string> {
    const { address, keys } = this.robot;
    try {
      this.nats = await connectNats({
        ...{ address, keys },
        onChange: (broken) => broken !== undefined && this.end(broken),
        onForbidden: (what) => this.end(what),
      });
    } catch (error) {
      return messageOf(error);
    }
    this.open();
    const timers = [
      setInterval(() => this.lookForLearner(), LOOK_EVERY),
      setInterval(() => this.adoption.poll(), POLL_EVERY),
    ];
    await this.sayHello();
    const reason = await this.over;
    timers.forEach(clearInterval);
    this.sayHealth(true);
    await this.nats.close();
    await this.offering.close();
    await this.adoption.close();
    this.options.onChange(false, this.adoption.refused);
    return reason;
  }

  /** Looks for new episodes and labels. */
  notify(): void {
    void this.options.outbox.refresh().then(
      () => this.isOpen && this.pump(),
      (error: unknown) => this.end(messageOf(error)),
    );
  }

  end(reason: string): void {
    this.reason ??= reason;
    this.settle(this.reason);
  }

  private open(): void {
    const { nats, options } = this;
    const { outbox, inbox, log } = options;
    const onChange = () => this.report();
    const onEnd = (why: string) => this.end(why);
    this.adoption = openAdoption({ nats, inbox, log, onChange });
    this.offering = new Offering({
      ...{ nats, outbox, log, onChange, onEnd },
      self: () => this.self(),
    });
    this.isOpen = true;
    this.hear(BEAT, (text) => this.takeBeat(text));
    this.hear(robotSubject(nats.name, 'answer'), (text) => this.takeAnswer(text));
  }

  private hear(subject: string, take: (text: string) => void): void {
    this.nats.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error) return;
        try {
          take(message.string());
        } catch (fault) {
          this.end(`the learner at ${this.nats.address}: ${messageOf(fault)}`);
        }
      },
    });
  }

  private self(): RobotSelf {
    const { base, inbox } = this.options;
    const { embodiment } = this.robot;
    return {
      ...{ protocol: NATS_PROTOCOL, instance: this.instance, base, version: inbox.version },
      ...(embodiment && { embodiment }),
    };
  }

  /** Asks the learner to be let in; without one, offers what the server can keep for it. */
  private async sayHello(): Promise<void> {
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      const hello = writeMessage('hello', this.self());
      const { connection, name } = this.nats;
      const subject = robotSubject(name, 'hello');
      const answer = await connection.request(subject, hello, { timeout: LONGEST_ANSWER });
      const { instance, refused } = readMessage('welcome', answer.string());
      if (refused !== undefined) return this.turnAway(refused);
      await this.begin(instance);
    } catch (error) {
      if (this.reason !== undefined) return;
      if (!(error instanceof RequestError || error instanceof TimeoutError))
        return this.end(messageOf(error));
      await this.wait(`no answer from ${this.nats.address}; is a learner running there?`);
    } finally {
      this.isAsking = false;
    }
  }

  private turnAway(why: string): void {
    this.end(`the learner at ${this.nats.address} refused this runtime: ${why}`);
  }

  private async begin(learner: string): Promise<void> {
    this.learner = learner;
    this.heard = performance.now();
    await this.options.outbox.refresh();
    this.report();
    this.adoption.look();
    this.offering.again(0);
  }

  /** There is no learner: what it is to have waits on the server, where that has begun to keep it. */
  private async wait(why: string): Promise<void> {
    this.learner = undefined;
    this.options.onChange(false, this.adoption.refused, why);
    const isKept = await this.nats.manager.streams.info(EPISODES).catch(() => undefined);
    if (!isKept || this.reason !== undefined) return;
    this.adoption.look();
    this.isWaiting = true;
    this.offering.pump();
  }

  private pump(): void {
    this.report();
    if (this.learner !== undefined || this.isWaiting) this.offering.pump();
  }

  private takeBeat(text: string): void {
    const { instance, isClosing } = readMessage('beat', text);
    this.heard = performance.now();
    if (isClosing && instance === this.learner) return void this.wait(this.gone());
    if (!isClosing && instance !== this.learner) void this.sayHello();
  }

  private takeAnswer(text: string): void {
    const answer = readMessage('answer', text);
    if (answer.kind === 'refused') return this.turnAway(answer.why);
    this.offering.answered(answer);
  }

  private gone(): string {
    return `the learner at ${this.nats.address} went away`;
  }

  private lookForLearner(): void {
    if (this.reason !== undefined) return;
    this.sayHealth(false);
    if (this.learner === undefined) return;
    if (performance.now() - this.heard > LONGEST_SILENCE) return void this.wait(this.gone());
    this.offering.again();
  }

  private report(): void {
    if (this.reason !== undefined) return;
    this.options.onChange(this.learner !== undefined, this.adoption.refused);
  }

  /** What is wrong now: why the session ended, an offer that did not get through, an adapter that was not taken. */
  private problem(): string | null {
    const ended = this.reason === CLOSED ? undefined : this.reason;
    return ended ?? this.offering.problem ?? this.adoption.refused;
  }

  private sayHealth(isClosing: boolean): void {
    const { connection, name } = this.nats;
    if (connection.isClosed()) return;
    const { outbox, inbox } = this.options;
    const health = writeMessage('health', {
      instance: this.instance,
      version: inbox.version,
      pending: outbox.pending,
      acknowledged: outbox.acknowledged,
      problem: this.problem()?.slice(0, 2000) ?? null,
      ...(isClosing && { isClosing }),
    });
    connection.publish(robotSubject(name, 'health'), health);
  }
}

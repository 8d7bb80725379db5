import { UserError } from '../errors.ts';
import { type CrewKeeper, createCrew } from './crew.ts';
import type { Answered, Page } from './page.ts';
import type { CameraPicture, RequestName, TopicName, Topics } from './protocol.ts';
import { RULES } from './requests.ts';
import { pack } from './wire.ts';

/** Answers of the console's own process, by request. */
export type OwnAnswers = Partial<
  Record<RequestName, (args: never, by: Page) => Promise<Answered> | Answered>
>;

/** Who is at the pages. */
export interface Presence {
  pages: number;
  /** Whether somebody operates. */
  attended: boolean;
  /** Whether the robot depends on a page as its heartbeat. */
  beating: boolean;
}

export interface HubOptions {
  own: OwnAnswers;
  /** Asks the robot's runtime; throws a `UserError` that says why not. */
  askRuntime: (request: RequestName, args: unknown, by: string) => Promise<Answered>;
  onPresence: (presence: Presence) => void;
  /** Called when a page that asked to be a heartbeat is silent or gone. */
  onHeartbeatLost: (name: string) => void;
}

/** The pages, what they are shown, and who of them operates. */
export interface Hub {
  /** Sends a topic's new value to all pages, and to those that come later. */
  publish<Topic extends TopicName>(topic: Topic, value: Topics[Topic]): void;
  picture(picture: CameraPicture): void;
  opened(page: Page): void;
  closed(page: Page): void;
  /** Hears that a page leaves beats unanswered, or answers them again. */
  silent(page: Page, isSilent: boolean): void;
  /** Answers a request of a page. Throws a `UserError` that says why not. */
  answer(page: Page, request: RequestName, args: unknown): Promise<Answered>;
}

/** Topics whose old values nobody needs. */
const MOMENTARY: readonly TopicName[] = ['motion'];

/** What the pages see: the newest message of each topic, for those that come later too. */
function createBoard() {
  const pages = new Set<Page>();
  const newest = new Map<string, Buffer>();
  const show = (name: string, message: Buffer, momentary: boolean) => {
    newest.set(name, message);
    for (const page of pages) page.sendPacked(message, momentary);
  };
  return {
    pages,
    show,
    showAll(page: Page) {
      for (const message of newest.values()) page.sendPacked(message);
    },
  };
}

/** Requests about who operates. `changed` is called after each change. */
function crewAnswers(crew: CrewKeeper, changed: () => void): OwnAnswers {
  return {
    takeSeat(_, { id }) {
      crew.seat(id);
      changed();
      return { says: 'this page operates' };
    },
    leaveSeat(_, { id }) {
      crew.unseat(id);
      changed();
      return { says: 'this page only watches now' };
    },
    heartbeat({ on }: { on: boolean }) {
      crew.setHeartbeat(on);
      changed();
      return { says: on ? 'closing this page stops the robot' : 'this page may be closed' };
    },
  };
}

export function createHub({ own, askRuntime, onPresence, onHeartbeatLost }: HubOptions): Hub {
  const board = createBoard();
  const crew = createCrew();
  const publish: Hub['publish'] = (topic, value) =>
    board.show(topic, pack({ topic, value }), MOMENTARY.includes(topic));
  const tellCrew = () => {
    const state = crew.state();
    publish('crew', state);
    const { operator } = state;
    const attended = operator !== undefined;
    onPresence({ pages: board.pages.size, attended, beating: operator?.heartbeat ?? false });
  };
  const loseHeartbeat = ({ id, name }: Page) => {
    if (!crew.isHeartbeat(id)) return;
    crew.setHeartbeat(false);
    onHeartbeatLost(name);
  };
  const answers = { ...own, ...crewAnswers(crew, tellCrew) };
  return {
    publish,
    picture: (picture) => board.show(`camera/${picture.camera}`, pack({ picture }), true),
    opened(page) {
      board.pages.add(page);
      crew.join(page);
      board.showAll(page);
      tellCrew();
    },
    closed(page) {
      board.pages.delete(page);
      loseHeartbeat(page);
      crew.leave(page.id);
      tellCrew();
    },
    silent(page, isSilent) {
      if (isSilent) loseHeartbeat(page);
      crew.setSilent(page.id, isSilent);
      tellCrew();
    },
    async answer(page, request, args) {
      const { seat, answerer } = RULES[request];
      if (seat && !crew.operates(page.id)) {
        const { operator } = crew.state();
        throw new UserError(
          `${operator ? `${operator.name} operates` : 'nobody operates'}: take over first`,
          { kind: 'unready' },
        );
      }
      if (answerer === 'runtime') return askRuntime(request, args, page.name);
      const found = answers[request];
      if (!found)
        throw new UserError(`this console has nothing to answer "${request}" with`, {
          kind: 'unsupported',
          fields: [request],
        });
      return found(args as never, page);
    },
  };
}

import { Dealer, Router } from 'zeromq';
import {
  type Message,
  type MessageOf,
  PROTOCOL,
  decodeMessage,
  encodeMessage,
} from '../../src/link/wire/protocol.ts';
import { BASE } from './link.ts';

/** A peer that says what the test wants it to. */
export interface RawRuntime {
  say: (message: Message, data?: Uint8Array) => Promise<void>;
  sayFrames: (frames: Uint8Array[]) => Promise<void>;
  /** The next message of this kind; others before it are passed over. */
  hear: <K extends Message['kind']>(kind: K) => Promise<MessageOf<K>>;
  close: () => void;
}

export const hello = (change: Partial<MessageOf<'hello'>> = {}): MessageOf<'hello'> => ({
  kind: 'hello',
  protocol: PROTOCOL,
  base: BASE,
  version: BASE,
  ...change,
});

export function rawRuntime(
  address: string,
  options: ConstructorParameters<typeof Dealer>[0] = {},
): RawRuntime {
  const socket = new Dealer({ linger: 0, ...options });
  socket.connect(address);
  return {
    say: (message, data) => socket.send(encodeMessage(message, data)),
    sayFrames: (frames) => socket.send(frames),
    async hear<K extends Message['kind']>(kind: K) {
      for (;;) {
        const { message } = decodeMessage(await socket.receive());
        if (message.kind === kind) return message as MessageOf<K>;
      }
    },
    close: () => socket.close(),
  };
}

/** A learner that answers as a table says, and keeps what it was told. */
export async function rawLearner(
  address: string,
  answers: (message: Message) => { message: Message; data?: Uint8Array }[],
) {
  const socket = new Router({ linger: 0 });
  await socket.bind(address);
  const heard: Message[] = [];
  const serve = async () => {
    for await (const [route, ...frames] of socket) {
      const { message } = decodeMessage(frames);
      heard.push(message);
      for (const answer of answers(message))
        await socket.send([route, ...encodeMessage(answer.message, answer.data)]);
    }
  };
  void serve();
  return { heard, close: () => socket.close() };
}

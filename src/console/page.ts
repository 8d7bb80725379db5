import type { WebSocket } from 'ws';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';
import { validate } from '../validate.ts';
import { pack, unpackPlain } from './wire.ts';
import { BEAT, PROTOCOL, type Role, type RequestName, type ServerMessage } from './protocol.ts';
import { RULES, isRequest } from './requests.ts';

/** A page that is connected. */
export interface Page {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Sends a message; what is only of the moment is left out where the page does not keep up. */
  send(message: ServerMessage, momentary?: boolean): void;
  /** Sends a message that is packed already. */
  sendPacked(message: Buffer, momentary?: boolean): void;
}

export interface PageOptions {
  socket: WebSocket;
  id: string;
  /** The role that a token gives. */
  roleOf: (token: string | undefined) => Role | undefined;
  /** Called when the page has said who it is. */
  onOpen: (page: Page) => void;
  onClose: (page: Page) => void;
  /** Called when the page is silent, and when it is heard again. */
  onSilence: (page: Page, isSilent: boolean) => void;
  /** Answers a request that the page may ask. Throws a `UserError` that says why not. */
  answer: (page: Page, request: RequestName, args: unknown) => Promise<Answered>;
}

/** The answer to a request. */
export interface Answered {
  /** A sentence for the person. */
  says?: string;
  value?: unknown;
}

/** Milliseconds that a page has to say who it is. */
const HELLO_PATIENCE = 5000;
/** Beats that a page may leave unanswered before it counts as silent. */
const SILENT_BEATS = 2;
/** Messages a second that a page may send. */
const MOST_MESSAGES = 100;
/** Bytes that may wait for a page before what is of the moment is left out. */
const MOST_WAITING = 1 << 20;

/** Why a page is refused; it is told, and the connection ends. */
class Refusal extends Error {}

const helloSchema = z.object({
  protocol: z.int(),
  name: z.string().max(40),
  token: z.string().max(200).optional(),
});
const messageSchema = z.union([
  z.object({ beat: z.number() }),
  z.object({ ask: z.number(), request: z.string(), args: z.unknown() }),
]);

function parse<T>(schema: z.ZodType<T>, data: Buffer): T {
  let value: unknown;
  try {
    value = unpackPlain(data);
  } catch {
    throw new Refusal('a message is not msgpack');
  }
  const checked = schema.safeParse(value);
  if (!checked.success) throw new Refusal('a message is none of those that the console knows');
  return checked.data;
}

/** A request that a page may ask, with what it takes. Throws a `UserError` for any other. */
function demandAllowed({ role }: Page, request: string, args: unknown) {
  if (!isRequest(request))
    throw new UserError(`the console knows no request "${request}"`, {
      kind: 'unsupported',
      fields: [request],
    });
  const rule = RULES[request];
  if (rule.role === 'operate' && role !== 'operate')
    throw new UserError('this page may only watch', { kind: 'unsupported', fields: [request] });
  return { request, args: validate(rule.takes, args, request) };
}

/** Talks to one page until it goes. */
export function talk(options: PageOptions): void {
  const { socket, id, roleOf, onOpen, onClose, onSilence, answer } = options;
  let page: Page | undefined;
  let unanswered = 0;
  let messages = 0;

  const sendPacked = (message: Buffer, momentary = false) => {
    if (momentary && socket.bufferedAmount > MOST_WAITING) return;
    if (socket.readyState === socket.OPEN) socket.send(message);
  };
  const send = (message: ServerMessage, momentary?: boolean) =>
    sendPacked(pack(message), momentary);
  const refuse = (reason: string) => {
    send({ refused: reason });
    socket.close(1008);
  };

  const greet = (data: Buffer) => {
    const { protocol, name, token } = parse(helloSchema, data);
    if (protocol !== PROTOCOL)
      throw new Refusal('this page is of another version of Nalu; load it again');
    const role = roleOf(token);
    if (!role) throw new Refusal('the token is not one of this console; open the address that it printed'); // prettier-ignore
    // It is printed on terminals.
    const printable = name.replace(/\p{Cc}/gu, '').trim();
    page = { id, name: printable || 'somebody', role, send, sendPacked };
    send({ welcome: { protocol: PROTOCOL, id, role, at: Date.now() } });
    onOpen(page);
  };

  const reply = async (asking: Page, ask: number, request: string, args: unknown) => {
    try {
      const asked = demandAllowed(asking, request, args);
      const { says, value = null } = await answer(asking, asked.request, asked.args);
      send({ reply: ask, ok: true, ...(says !== undefined && { says }), value });
    } catch (error) {
      const says = toldOf(error);
      send({ reply: ask, ok: false, says: says ?? 'a fault of the program' });
      if (says === undefined) throw error;
    }
  };

  const take = (data: Buffer) => {
    if (!page) return greet(data);
    const message = parse(messageSchema, data);
    if ('beat' in message) {
      if (unanswered > SILENT_BEATS) onSilence(page, false);
      unanswered = 0;
    } else void reply(page, message.ask, message.request, message.args);
  };

  const beats = setInterval(() => {
    messages = 0;
    if (!page) return;
    if (unanswered++ === SILENT_BEATS) onSilence(page, true);
    send({ beat: Date.now() }, true);
  }, BEAT);
  const patience = setTimeout(() => page ?? socket.terminate(), HELLO_PATIENCE);

  socket.on('message', (data: Buffer, isBinary) => {
    try {
      if (++messages > (MOST_MESSAGES * BEAT) / 1000) throw new Refusal('too many messages');
      if (!isBinary) throw new Refusal('a message is text where msgpack is expected');
      take(data);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(error.message);
    }
  });
  // A message that is too large, or a frame that is broken: ws closes the connection itself.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearInterval(beats);
    clearTimeout(patience);
    if (page) onClose(page);
  });
}

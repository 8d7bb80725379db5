import { type Context, Reply } from 'zeromq';

/** The name under which ZeroMQ's RFC 27 looks for who decides on peers. */
const ENDPOINT = 'inproc://zeromq.zap.01';
const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** Bytes, a multiple of four, as text (RFC 32). */
export function z85(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    let value = bytes.readUInt32BE(at);
    let five = '';
    for (let digit = 0; digit < 5; digit++) {
      five = Z85[value % 85] + five;
      value = Math.floor(value / 85);
    }
    text += five;
  }
  return text;
}

/** Decides which CURVE peers of a context's sockets may connect; `refused` hears address and public key of others. */
export async function authorise(
  context: Context,
  allowed: ReadonlySet<string>,
  refused: (address: string, key: string) => void,
): Promise<{ close(): void }> {
  const socket = new Reply({ context, linger: 0 });
  await socket.bind(ENDPOINT);
  const answer = async () => {
    for await (const [version, request, , address, , mechanism, credentials] of socket) {
      const key = mechanism.toString() === 'CURVE' ? z85(credentials) : '';
      const isAllowed = allowed.has(key);
      if (!isAllowed) refused(address.toString(), key);
      const [code, text] = isAllowed ? ['200', 'OK'] : ['400', 'this key is not known here'];
      await socket.send([version, request, code, text, '', '']);
    }
  };
  void answer().catch((error: unknown) => {
    if (!socket.closed) throw error;
  });
  return { close: () => socket.close() };
}

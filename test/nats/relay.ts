import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A way to a server that can be cut. */
export interface Relay {
  /** `nats://127.0.0.1:PORT` */
  readonly address: string;
  /** Breaks all connections, and lets none through until it is mended. */
  cut(): void;
  /** Holds back what is sent, as a cable that was pulled, until it is mended. */
  hush(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Passes connections at a free port of this machine on to a server's address. */
export async function startRelay(address: string): Promise<Relay> {
  const { port } = new URL(address.replace('nats:', 'http:'));
  const sockets = new Set<Socket>();
  let [isCut, isSilent] = [false, false];
  const hold = (socket: Socket, other: () => Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => {
      sockets.delete(socket);
      other().destroy();
    }); // prettier-ignore
  };
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(Number(port), '127.0.0.1');
    hold(near, () => far);
    hold(far, () => near);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ])
      from.on('data', (data: Buffer) => to.write(data));
    if (isSilent) for (const socket of [near, far]) socket.pause();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    hush() {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
    mend() {
      [isCut, isSilent] = [false, false];
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A way to a server that can be cut. */
export interface Relay {
  /** `nats://127.0.0.1:PORT` */
  readonly address: string;
  /** Breaks all connections, and lets none through until it is mended. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Passes connections at a free port of this machine on to a server's address. */
export async function startRelay(address: string): Promise<Relay> {
  const { port } = new URL(address.replace('nats:', 'http:'));
  const sockets = new Set<Socket>();
  let isCut = false;
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
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => void (isCut = false),
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

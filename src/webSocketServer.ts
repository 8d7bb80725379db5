import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';

/** The close code of a server that goes away (RFC 6455). */
const GOING_AWAY = 1001;

/** Milliseconds that clients have to answer it; what was sent to them before arrives within it. */
const FAREWELL = 1000;

/** Answers a request for a websocket by an HTTP status line, as `403 Forbidden`, and ends its connection. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** Takes leave of all clients, then closes a server. */
export async function closeServer(server: Server, sockets: WebSocketServer): Promise<void> {
  for (const client of sockets.clients) client.close(GOING_AWAY);
  const end = () => sockets.clients.forEach((client) => client.terminate());
  const timer = setTimeout(end, FAREWELL);
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
  clearTimeout(timer);
}

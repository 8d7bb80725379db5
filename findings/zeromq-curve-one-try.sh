#!/usr/bin/env bash
# zeromq 6.8.0 (libzmq 4.3.5, Node.js 20)
#
# One would expect: a socket whose handshake failed tries again, as it does after every other loss of its peer
#   (reconnectInterval), so that it gets through as soon as the server is configured rightly.
# Behaviour: a client with CURVE keys at a server without any reports one handshake error and a disconnect, then never
#   connects again. When the server comes back with keys, what the socket sends is accepted and goes nowhere, without
#   an error. A new socket with the same keys gets through at once.
# Seen: connected 1 time, errors 1; the old socket sent, the server heard nothing; then it heard "from a new socket"
# Exits with 1 once the first socket gets through.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . zeromq@6.8.0
cat >run.mjs <<'JS'
import { setTimeout as wait } from 'node:timers/promises';
import { Dealer, Router, curveKeyPair } from 'zeromq';

const [server, client] = [curveKeyPair(), curveKeyPair()];
const told = [];

async function serve(address, options) {
  const router = new Router({ linger: 0, receiveTimeout: 4000, ...options });
  await router.bind(address);
  return router;
}
function dial(address) {
  const socket = new Dealer({
    linger: 0,
    sendTimeout: 3000,
    reconnectInterval: 100,
    curveServerKey: server.publicKey,
    curvePublicKey: client.publicKey,
    curveSecretKey: client.secretKey,
  });
  for (const type of ['connect', 'handshake:error:protocol']) socket.events.on(type, () => told.push(type));
  socket.connect(address);
  return socket;
}
const send = (socket, text) => socket.send(text).then(() => 'sent', (error) => error.code);
const heard = (router) => router.receive().then((frames) => frames.at(-1).toString(), () => 'nothing');
const count = (type) => told.filter((one) => one === type).length;

const unprotected = await serve('tcp://127.0.0.1:*', {});
const address = unprotected.lastEndpoint;
const old = dial(address);
await wait(1500);
const [connects, errors] = [count('connect'), count('handshake:error:protocol')];
unprotected.close();
await wait(300);

const router = await serve(address, { curveServer: true, curveSecretKey: server.secretKey });
const sent = await send(old, 'from the old socket');
const first = await heard(router);
await send(dial(address), 'from a new socket');
const second = await heard(router);
console.log(`connected ${connects} time, errors ${errors}; the old socket ${sent}, the server heard ${first}; then it heard "${second}"`);
process.exit(connects === 1 && errors === 1 && first === 'nothing' && second === 'from a new socket' ? 0 : 1);
JS
node run.mjs

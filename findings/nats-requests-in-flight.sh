#!/usr/bin/env bash
# @nats-io/transport-node 3.4.0 (Node.js 20), nats-server 2.9.10 (Debian 12)
#
# One would expect: when the connection to the server breaks, a request that waits for its answer is
#   rejected at once, since the answer cannot come any more: its inbox was on that connection.
# Behaviour: nothing happens to it. The client tells of the disconnect, is connected to the new
#   server at once, and the request goes on waiting until its own timeout.
# Seen: broken after 0 s, connected again after 0 s, rejected (TimeoutError) after 6 s
# Exits with 1 once the request is rejected when the connection breaks.
set -euo pipefail
cd "$(mktemp -d)"
trap 'kill "${SERVER:-}" "${SECOND:-}" 2>/dev/null || true; rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @nats-io/transport-node@3.4.0
apt-get download --quiet=2 nats-server=2.9.10-1+b3 2>/dev/null
dpkg -x nats-server_*.deb server
NATS=$(find server -name nats-server -type f -perm -u+x)
PORT=$((20000 + RANDOM % 10000))
"$NATS" -a 127.0.0.1 -p $PORT >/dev/null 2>&1 &
SERVER=$!
disown
cat >run.mjs <<'JS'
import { setTimeout } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';

const servers = `127.0.0.1:${process.argv[2]}`;
const connection = await connect({ servers, reconnectTimeWait: 200, maxReconnectAttempts: -1, waitOnFirstConnect: true });
// Somebody who never answers.
connection.subscribe('question');
await connection.flush();

let began = performance.now();
const since = () => Math.round((performance.now() - began) / 1000);
const seen = {};
void (async () => {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') seen.broken ??= since();
    if (type === 'reconnect') seen.again ??= since();
  }
})();
const answer = connection.request('question', '', { timeout: 6000 }).catch((error) => error.name);
await setTimeout(200);
began = performance.now();
process.kill(Number(process.argv[3]), 'SIGKILL');
const name = await answer;
const rejected = since();
console.log(`broken after ${seen.broken} s, connected again after ${seen.again} s, rejected (${name}) after ${rejected} s`);
await connection.close();
process.exitCode = seen.broken <= 1 && seen.again <= 3 && rejected >= 5 ? 0 : 1;
JS
(
  while kill -0 $SERVER 2>/dev/null; do sleep 0.1; done
  exec "$NATS" -a 127.0.0.1 -p $PORT >/dev/null 2>&1
) &
SECOND=$!
node run.mjs $PORT $SERVER

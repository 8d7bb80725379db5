#!/usr/bin/env bash
# @nats-io/transport-node 3.4.0 (Node.js 20), nats-server 2.9.10 (Debian 12)
#
# One would expect: reconnectDelayHandler is asked once before each attempt to connect again. A handler
#   that begins with 50 ms and doubles has some seven attempts in 6.5 s.
# Behaviour: it is asked again at each look whether the pause is over, and what it then gives is compared
#   with the time since the last attempt. A pause that doubles runs away from that time: after the first
#   attempt there is none.
# Seen: in 6.5 s asked 9 times, 1 attempt
# Exits with 1 once there are at least four attempts.
set -euo pipefail
cd "$(mktemp -d)"
trap 'kill "${SERVER:-}" 2>/dev/null || true; rm -rf "$PWD"' EXIT
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

let asked = 0;
let attempts = 0;
const connection = await connect({
  servers: `127.0.0.1:${process.argv[2]}`,
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectDelayHandler: () => 50 * 2 ** asked++,
});
void (async () => {
  for await (const { type } of connection.status())
    if (type === 'reconnecting') attempts += 1;
})();
await setTimeout(200);
asked = 0;
process.kill(Number(process.argv[3]), 'SIGKILL');
await setTimeout(6500);
console.log(`in 6.5 s asked ${asked} times, ${attempts} attempt(s)`);
process.exit(attempts < 4 ? 0 : 1);
JS
node run.mjs $PORT $SERVER

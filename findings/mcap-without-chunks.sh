#!/usr/bin/env bash
# @mcap/core 2.2.2 (Node.js 20)
#
# One would expect: the indexed reader reads what a valid MCAP file holds, or says that it cannot.
# Behaviour: chunks are optional in MCAP, and the rosbag2 preset "fastwrite" writes none. Of such a
#   file, written by the same package, McapIndexedReader reads the statistics (3 messages) and then
#   yields no message and no error. McapStreamReader reads all three.
# Seen: statistics 3, indexed 0, stream 3
# Exits with 1 once the indexed reader yields the messages, or an error.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mcap/core@2.2.2
cat >run.mjs <<'JS'
import { McapIndexedReader, McapStreamReader, McapWriter, TempBuffer } from '@mcap/core';

const file = new TempBuffer();
const writer = new McapWriter({ writable: file, useChunks: false });
await writer.start({ profile: '', library: '' });
const channelId = await writer.registerChannel({
  schemaId: 0,
  topic: '/joint_states',
  messageEncoding: 'json',
  metadata: new Map(),
});
for (let i = 0; i < 3; i++) {
  const time = BigInt(i);
  const data = new TextEncoder().encode('{}');
  await writer.addMessage({ channelId, sequence: i, logTime: time, publishTime: time, data });
}
await writer.end();

const reader = await McapIndexedReader.Initialize({ readable: file });
let indexed = 0;
for await (const _ of reader.readMessages()) indexed++;

const stream = new McapStreamReader();
stream.append(file.get());
let streamed = 0;
for (let record; (record = stream.nextRecord()); ) if (record.type === 'Message') streamed++;

const stated = Number(reader.statistics.messageCount);
console.log(`statistics ${stated}, indexed ${indexed}, stream ${streamed}`);
process.exit(stated === 3 && indexed === 0 && streamed === 3 ? 0 : 1);
JS
node run.mjs

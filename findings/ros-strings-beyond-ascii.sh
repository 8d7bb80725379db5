#!/usr/bin/env bash
# @foxglove/rosmsg2-serialization 3.1.0 with @foxglove/cdr 3.5.0 (Node.js 20)
#
# One would expect: a ROS 2 string holds UTF-8, so a name with an umlaut comes back as it was written.
# Behaviour: the writer puts the number of UTF-16 units as the string's length, then writes UTF-8.
#   "Prüfstand-7" has 11 units and 12 bytes: the last byte is lost, without an error.
# Seen: {"name":"Prüfstand-","x":1.5}
# Exits with 1 once the string comes back whole.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . \
  @foxglove/rosmsg@5.0.5 @foxglove/rosmsg2-serialization@3.1.0 @foxglove/cdr@3.5.0
cat >run.mjs <<'JS'
import { parse } from '@foxglove/rosmsg';
import { MessageReader, MessageWriter } from '@foxglove/rosmsg2-serialization';

const definition = parse('string name\nfloat64 x', { ros2: true });
const bytes = new MessageWriter(definition).writeMessage({ name: 'Prüfstand-7', x: 1.5 });
const read = new MessageReader(definition).readMessage(bytes);
console.log(JSON.stringify(read));
process.exit(read.name === 'Prüfstand-' && read.x === 1.5 ? 0 : 1);
JS
node run.mjs

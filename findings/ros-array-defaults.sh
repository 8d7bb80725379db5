#!/usr/bin/env bash
# @foxglove/rosmsg 5.0.5, @foxglove/rosmsg2-serialization 3.1.0 (Node.js 20)
#
# One would expect: a message that leaves out an array takes the default of its definition.
# Behaviour: for `float64[] gains [1.0, 2.0]` the writer puts length 0, then the two default numbers.
#   The reader takes the first default for the next field: x is 1, not 1.5. No error on either side.
#   A fixed array (`float64[2]`) with the same default is written right.
# Seen: {"gains":[],"x":1} and {"gains":[1,2],"x":1.5}
# Exits with 1 once the field after the array comes back as it was written.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . \
  @foxglove/rosmsg@5.0.5 @foxglove/rosmsg2-serialization@3.1.0
cat >run.mjs <<'JS'
import { parse } from '@foxglove/rosmsg';
import { MessageReader, MessageWriter } from '@foxglove/rosmsg2-serialization';

function writtenAndRead(text) {
  const definition = parse(text, { ros2: true });
  const bytes = new MessageWriter(definition).writeMessage({ x: 1.5 });
  const { gains, x } = new MessageReader(definition).readMessage(bytes);
  console.log(JSON.stringify({ gains: [...gains], x }));
  return { gains: [...gains], x };
}

const unbounded = writtenAndRead('float64[] gains [1.0, 2.0]\nfloat64 x');
const fixed = writtenAndRead('float64[2] gains [1.0, 2.0]\nfloat64 x');
const asSeen = unbounded.gains.length === 0 && unbounded.x === 1 && fixed.x === 1.5;
process.exit(asSeen ? 0 : 1);
JS
node run.mjs

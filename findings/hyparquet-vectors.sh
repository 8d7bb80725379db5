#!/usr/bin/env bash
# hyparquet-writer 0.17.0, hyparquet 1.31.5 (Node.js 20)
#
# One would expect: a column of vectors, each a Float32Array, is written as a list of floats, or refused.
# Behaviour: it becomes a column of JSON text, each vector an object whose keys are its indices. A reader of the data
#   set finds text where it expects numbers; nothing is said on either side.
# Seen: BYTE_ARRAY JSON, {"0":1,"1":2}
# Exits with 1 once the column is a list, or refused.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . hyparquet-writer@0.17.0 hyparquet@1.31.5
cat >run.mjs <<'JS'
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';

const states = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
const file = parquetWriteBuffer({ columnData: [{ name: 'state', data: states }] });
const { type, converted_type: meaning } = parquetMetadata(file).schema[1];
const [{ state }] = await parquetReadObjects({ file });
console.log(type, `${meaning},`, JSON.stringify(state));
process.exit(meaning === 'JSON' && JSON.stringify(state) === '{"0":1,"1":2}' ? 0 : 1);
JS
node run.mjs

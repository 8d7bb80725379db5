#!/usr/bin/env bash
# hyparquet-writer 0.17.0 (Node.js 20), read by pyarrow 25.0.1 (Python 3)
#
# One would expect: a column of JavaScript numbers is written as doubles, so that the files of one data set, one an
#   episode, agree in its type.
# Behaviour: without a type, each file is typed by its own values: rewards 0, 0, 1 are an int32 column, rewards 0, 0.5, 1
#   a double one. pyarrow takes the first file's type for all: where an episode without a half comes first, the whole
#   data set cannot be read; where it comes last, it can.
# Seen: whole numbers first: ArrowInvalid; whole numbers last: 0.0 0.5 1.0 0.0 0.0 1.0
# Exits with 1 once both orders read, or neither.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . hyparquet-writer@0.17.0
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==25.0.1
cat >write.mjs <<'JS'
import { mkdirSync, writeFileSync } from 'node:fs';
import { parquetWriteBuffer } from 'hyparquet-writer';

const episodes = [[0, 0, 1], [0, 0.5, 1]];
for (const [folder, order] of [['first', episodes], ['last', episodes.toReversed()]]) {
  mkdirSync(folder);
  order.forEach((data, i) =>
    writeFileSync(`${folder}/file-${i}.parquet`, Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'reward', data }] }))),
  );
}
JS
node write.mjs
cat >read.py <<'PY'
import sys

import pyarrow
import pyarrow.dataset


def read(folder):
    try:
        rewards = pyarrow.dataset.dataset(folder).to_table()["reward"].to_pylist()
        return " ".join(map(str, rewards))
    except pyarrow.ArrowInvalid as error:
        return type(error).__name__


first, last = read("first"), read("last")
print(f"whole numbers first: {first}; whole numbers last: {last}")
sys.exit(0 if first == "ArrowInvalid" and last == "0.0 0.5 1.0 0.0 0.0 1.0" else 1)
PY
env/bin/python read.py

#!/usr/bin/env bash
# h5wasm 0.10.3 (Node.js 20) on a file by h5py 3.16.0 (Python 3)
#
# One would expect: reading values that are compressed by a filter which the reader lacks, as h5py's lzf, is an error.
# Behaviour: HDF5 prints its complaint on stderr, and `value` and `slice` return an array of the right type and length
#   all the same. What is in it was never read from the file. Errors are thrown only after a call of
#   activate_throwing_error_handler, of which the package's README says nothing.
# Seen: Float64Array of 100, of which 100 differ from the file; with the handler an error
# Exits with 1 once reading throws by itself, or gives the file's values.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . h5wasm@0.10.3
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check h5py==3.16.0
env/bin/python -c "
import h5py
with h5py.File('episode.hdf5', 'w') as file:
    file.create_dataset('qpos', data=[0.5 + i for i in range(100)], dtype='f8', compression='lzf')
"
cat >run.mjs <<'JS'
import h5wasm from 'h5wasm/node';

const module = await h5wasm.ready;
const qpos = new h5wasm.File('episode.hdf5', 'r').get('qpos');
const read = () => {
  try {
    return qpos.value;
  } catch {
    return undefined;
  }
};
const values = read();
const differing = values?.filter((value, i) => value !== 0.5 + i).length;
module.activate_throwing_error_handler();
const later = read() ? 'values' : 'an error';
const kind = `${values?.constructor.name} of ${values?.length}`;
console.log(`${kind}, of which ${differing} differ from the file; with the handler ${later}`);
process.exit(values?.length === 100 && differing > 90 && later === 'an error' ? 0 : 1);
JS
node run.mjs 2>/dev/null

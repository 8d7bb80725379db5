#!/usr/bin/env bash
# @huggingface/tokenizers 0.2.0 (Node.js 20) beside tokenizers 0.23.2 (Python 3, its Rust core)
#
# One would expect: both packages of one project give the same tokens for one tokenizer.json.
# Behaviour: a byte-level BPE without an unknown token, as FAST's action tokenizers are, may lack a
#   character of the text. Rust's core leaves such a character out first, and merges its neighbours
#   across the gap; the JavaScript package merges on each side, and leaves it out afterwards. Actions
#   that were encoded in Python so have other tokens in JavaScript, which decode to the same text.
# Seen: javascript [0,1], rust [2]
# Exits with 1 once both agree.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @huggingface/tokenizers@0.2.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check tokenizers==0.23.2
cat >tokenizer.json <<'JSON'
{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [],
  "normalizer": null,
  "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false },
  "post_processor": null,
  "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
  "model": {
    "type": "BPE",
    "dropout": null,
    "unk_token": null,
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": false,
    "byte_fallback": false,
    "ignore_merges": false,
    "vocab": { "a": 0, "b": 1, "ab": 2 },
    "merges": [["a", "b"]]
  }
}
JSON
cat >run.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

const tokenizer = new Tokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')), {});
console.log(JSON.stringify(tokenizer.encode('axb').ids));
JS
JAVASCRIPT=$(node run.mjs)
RUST=$(venv/bin/python -c "
from tokenizers import Tokenizer
print(Tokenizer.from_file('tokenizer.json').encode('axb').ids)")
echo "javascript $JAVASCRIPT, rust $RUST"
[ "$JAVASCRIPT" = '[0,1]' ] && [ "$RUST" = '[2]' ]

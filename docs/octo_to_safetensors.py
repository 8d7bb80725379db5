"""Writes the weights of an Octo checkpoint as model.safetensors, beside its config.json. No JAX.

    pip install msgpack
    python3 octo_to_safetensors.py octo-base-1.5

A checkpoint keeps its weights in STEP/default/checkpoint, a msgpack file. Arrays that are stored apart by Zarr, or in an OCDBT
database, need `pip install tensorstore` too. Names are the paths of the Flax parameters, joined by /.
"""

import json
import pathlib
import struct
import sys

DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int32": "I32", "int64": "I64", "uint8": "U8"}
ARRAY = 1  # flax.serialization's extension type of an array: its shape, type and bytes
APART = "PLACEHOLDER://"


def weights_folder(checkpoint):
    """The folder of the newest step's weights."""
    steps = sorted((f for f in checkpoint.iterdir() if f.name.isdigit()), key=lambda f: int(f.name))
    for folder in [checkpoint, *([steps[-1] / "default", steps[-1]] if steps else [])]:
        if any(next(folder.glob(name), None) for name in ("checkpoint", "manifest.ocdbt", "*/.zarray")):
            return folder
    sys.exit(f"{checkpoint}: neither it nor a STEP/default in it has a file named checkpoint or manifest.ocdbt, or arrays")


def leaves(tree, path=()):
    for name, value in tree.items():
        if isinstance(value, dict) and "__msgpack_chunked_array__" not in value:
            yield from leaves(value, (*path, name))
        else:
            yield "/".join((*path, name)), value


def packed(folder):
    """Arrays (type, shape, bytes) of the msgpack file, and the names of those that are stored apart."""
    import msgpack

    def array(code, data):
        if code != ARRAY:
            sys.exit(f"{folder / 'checkpoint'}: holds extension {code}, which no array of Octo's is")
        shape, dtype, content = msgpack.unpackb(data, raw=True)
        return dtype.decode(), list(shape), content

    text = (folder / "checkpoint").read_bytes()
    tree = msgpack.unpackb(text, ext_hook=array, raw=False, strict_map_key=False)
    arrays, apart = {}, []
    for name, value in leaves(tree):
        if isinstance(value, dict):  # Cut in pieces, each flat.
            shape = [value["shape"][str(i)] for i in range(len(value["shape"]))]
            pieces = [value["chunks"][str(i)] for i in range(len(value["chunks"]))]
            arrays[name] = pieces[0][0], shape, b"".join(piece[2] for piece in pieces)
        elif isinstance(value, str) and value.startswith(APART):
            apart.append((name, value.removeprefix(APART)))
        elif value is not None:
            arrays[name] = value
    return arrays, apart


def stored(kvstore):
    """An array of Zarr's."""
    import tensorstore

    values = tensorstore.open({"driver": "zarr", "kvstore": kvstore}, read=True).result().read().result()
    return values.dtype.name, list(values.shape), values.tobytes()


def read(folder):
    if (folder / "manifest.ocdbt").exists():
        import tensorstore

        base = {"driver": "ocdbt", "base": f"file://{folder.resolve()}/"}
        keys = tensorstore.KvStore.open(base).result().list().result()
        names = [key.decode().rsplit("/", 1)[0] for key in keys if key.endswith(b"/.zarray")]
        return {name.replace(".", "/"): stored({**base, "path": f"{name}/"}) for name in names}
    if not (folder / "checkpoint").exists():
        arrays, apart = {}, [(one.parent.name.replace(".", "/"), one.parent.name) for one in folder.glob("*/.zarray")]
    else:
        arrays, apart = packed(folder)
    for name, place in apart:
        arrays[name] = stored({"driver": "file", "path": f"{folder.resolve() / place}/"})
    return arrays


def write(path, arrays):
    header, at = {}, 0
    for name, (dtype, shape, content) in arrays.items():
        header[name] = {"dtype": DTYPES[dtype], "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, content in arrays.values():
            file.write(content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    place = pathlib.Path(sys.argv[1])
    found = read(weights_folder(place))
    if not any(name.startswith("octo_transformer/") for name in found):
        sys.exit(f"{place}: none of its {len(found)} arrays is an Octo's")
    write(place / "model.safetensors", found)
    print(f"{place / 'model.safetensors'}: {len(found)} tensors")

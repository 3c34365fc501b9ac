#!/usr/bin/python3
"""Makes one executable file of the plugin: python3 build.py FILE [FOLDER-OF-THE-PROTO-FILES]

One file, because the host's pin covers one file: everything of ours, generated code
too, is inside. grpcio, protobuf, cryptography and Python itself are the system's.
The same sources give the same bytes. It needs protoc with the proto files of
protobuf (Debian: protobuf-compiler, libprotobuf-dev).
"""

import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
# -I keeps the environment and the user's own packages out, -B writes no files.
SHEBANG = b"#!/usr/bin/python3 -IB\n"
MAIN = "import store\n\nstore.main()\n"


def generate(protos, out):
    """The messages in Python, without the option debug_redact: protoc before 22 does not know it, and it does not
    change what travels. The services need no code, see _Services.handlers."""
    with tempfile.TemporaryDirectory() as copies:
        names = []
        for proto in sorted(protos.rglob("*.proto")) + [HERE / "status.proto"]:
            name = proto.relative_to(protos if proto.is_relative_to(protos) else HERE)
            names.append(str(name))
            copy = pathlib.Path(copies, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(proto.read_text().replace(" [debug_redact = true]", ""))
        subprocess.run(["protoc", "-I", copies, f"--python_out={out}", *names], check=True)


def pack(files, target):
    """A zip that Python runs, with the line before it that the system wants. Times are fixed."""
    with open(target, "wb") as out:
        out.write(SHEBANG)
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    os.chmod(target, os.stat(target).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    protos = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else HERE / "../../../../sdk/proto").resolve()
    files = {"__main__.py": MAIN}
    for name in ("identitymesh_plugin.py", "store.py"):
        files[name] = (HERE / name).read_text()
    with tempfile.TemporaryDirectory() as generated:
        generate(protos, generated)
        for code in pathlib.Path(generated).rglob("*.py"):
            name = code.relative_to(generated)
            files[str(name)] = code.read_text()
            for folder in name.parents[:-1]:  # packages in a zip need the file that those in folders can do without
                files[str(folder / "__init__.py")] = ""
    pack(files, sys.argv[1])


if __name__ == "__main__":
    main()

"""Writes akin/v1, the code that protoc generates from the contract: python3 generate.py

It takes protoc of the package grpcio-tools, or else protoc and grpc_python_plugin from PATH (Debian: protobuf-compiler and
protobuf-compiler-grpc).
"""

import shutil
import subprocess
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
contract = here.parent.parent / "proto"


def main() -> None:
    out = here / "akin" / "v1"
    shutil.rmtree(out, ignore_errors=True)
    roots = [contract, here / "protos"]
    files = sorted(str(p.relative_to(r)) for r in roots for p in r.glob("akin/v1/*.proto"))
    args = [f"-I{r}" for r in roots] + [f"--python_out={here}", f"--pyi_out={here}", f"--grpc_python_out={here}", *files]
    try:
        import grpc_tools  # noqa: F401

        command = [sys.executable, "-m", "grpc_tools.protoc", *args]
    except ImportError:
        plugin = shutil.which("grpc_python_plugin")
        if not shutil.which("protoc") or not plugin:
            sys.exit("neither grpcio-tools nor protoc with grpc_python_plugin is installed")
        command = ["protoc", f"--plugin=protoc-gen-grpc_python={plugin}", *args]
    subprocess.run(command, check=True)
    (out / "__init__.py").write_text('"""Generated from proto/akin/v1 by generate.py."""\n')


if __name__ == "__main__":
    main()

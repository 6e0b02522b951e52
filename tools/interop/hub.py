"""A hub of Hugging Face in small, on this machine, and what `fettle fetch` and huggingface_hub download from it.

Both keep one cache: each row is a folder that one of them downloaded and the other one found without a download.
"""

import contextlib
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import fettle
from readers import TRANSFORMERS

MODEL = "acme/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = "/content/"  # where large files are redirected to, as to a CDN


def add_all(bench):
    bench.add("folder from a hub", "fettle fetch", [TRANSFORMERS], lambda output: by_fettle(bench.bfloat16, output))
    bench.add("folder from a hub", "huggingface_hub", [TRANSFORMERS], lambda output: by_python(bench.bfloat16, output))


def by_fettle(model, home):
    with serve(model) as hub, environment(hub, home):
        answer = fettle.run("fetch", MODEL)
        folder, fetched = answer["folder"], [file["path"] for file in answer["files"]]
        hub.contents.clear()
        python(f"snapshot_download(MODEL, allow_patterns={fetched!r})")
        expect(not hub.contents, f"huggingface_hub downloads again: {hub.contents}")
    with environment(None, home):
        found = python(f"snapshot_download(MODEL, local_files_only=True, allow_patterns={fetched!r})")
        expect(os.path.samefile(found, folder), f"huggingface_hub finds {found}, not {folder}")
    return Path(folder)


def by_python(model, home):
    with serve(model) as hub, environment(hub, home):
        folder = python("snapshot_download(MODEL)")
        hub.contents.clear()
        answer = fettle.run("fetch", MODEL)
        expect(not hub.contents and not answer["downloaded_bytes"], f"Fettle downloads again: {hub.contents}")
        expect(os.path.samefile(answer["folder"], folder), f"Fettle finds {answer['folder']}, not {folder}")
    with environment(None, home):
        fettle.run("inspect", "--model", MODEL)
    return Path(folder)


def expect(true, otherwise):
    if not true:
        raise AssertionError(otherwise)


def python(expression):
    """The value of an expression of huggingface_hub, which reads its environment when it is imported."""
    code = f"from huggingface_hub import snapshot_download\nMODEL = {MODEL!r}\nprint({expression})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip().splitlines()[-1]


@contextlib.contextmanager
def environment(hub, home):
    """That of a machine with this cache; without a hub it is offline."""
    mine = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "0" if hub else "1", "HF_TOKEN": "hf_of_this_proof"}
    mine["HF_ENDPOINT"] = f"http://127.0.0.1:{hub.server_port}" if hub else "http://127.0.0.1:9"
    before = {name: os.environ.get(name) for name in mine}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def serve(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    server.contents = []  # the files whose bytes were asked for
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        name = path.rsplit("/", 1)[-1]
        if path == f"/api/models/{MODEL}/revision/main":
            siblings = [self.sibling(name) for name in self.server.files]
            self.answer(200, {}, json.dumps({"id": MODEL, "sha": COMMIT, "siblings": siblings}).encode())
        elif path == f"/api/models/{MODEL}/tree/{COMMIT}":
            self.answer(200, {}, json.dumps([self.entry(name) for name in self.server.files]).encode())
        elif name not in self.server.files:
            self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        elif path.startswith(CONTENT):
            self.content(name, "of-the-content")
        elif is_large(name):
            self.answer(302, {
                "X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha256(self.server.files[name])}"',
                "X-Linked-Size": len(self.server.files[name]),
                "Location": f"http://localhost:{self.server.server_port}{CONTENT}{name}"})
        else:
            self.content(name, git_sha1(self.server.files[name]))

    do_HEAD = do_GET

    def content(self, name, etag):
        if self.command == "GET":
            self.server.contents.append(name)
        self.answer(200, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}, self.server.files[name])

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def sibling(self, name):
        content = self.server.files[name]
        sibling = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
        return {**sibling, "lfs": {"sha256": sha256(content), "size": len(content), "pointerSize": 134}} if is_large(name) else sibling

    def entry(self, name):
        content = self.server.files[name]
        entry = {"type": "file", "path": name, "size": len(content), "oid": git_sha1(content)}
        large = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        return {**entry, "lfs": large} if is_large(name) else entry

    def log_message(self, *_):
        pass


def is_large(name):
    return name.endswith((".safetensors", ".gguf"))


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

"""Checkpoints that cannot be used end in a sentence that says what to do."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sentiment.base import ScoringError
from sentiment.transformer import TransformerScorer

HUB_ID = "cardiffnlp/twitter-xlm-roberta-base-sentiment"
LOAD = (
    "import sys\n"
    "from sentiment.base import ScoringError\n"
    "from sentiment.sources import load\n"
    "try:\n"
    "    print(load(sys.argv[1]).name)\n"
    "except ScoringError as error:\n"
    "    print(error)\n"
)


def told(tmp_path: Path, source: str = HUB_ID, **environment: str) -> str:
    """What a fresh process with an empty cache says of ``source``."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    answer = subprocess.run(
        [sys.executable, "-c", LOAD, source],
        env=env | {"HF_HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())} | environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout


@pytest.mark.parametrize("source", ["/no/such/folder", "./here", "name", "a/b/c", Path("a/b")])
def test_a_missing_folder_is_named(source: str | Path) -> None:
    with pytest.raises(ScoringError, match="there is no checkpoint folder"):
        TransformerScorer(source)


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"holds no config\.json"):
        TransformerScorer(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b'{"model_type": "from the future"}'),
        ("model.safetensors", b"\x10\0\0\0\0\0\0\0garbage"),
        ("model.safetensors", b""),
        ("tokenizer.json", b"{}"),
    ],
)
def test_a_damaged_file_is_reported_not_traced(
    make_checkpoint: Callable[..., Path], file: str, content: bytes
) -> None:
    folder = make_checkpoint()
    (folder / file).write_bytes(content)
    with pytest.raises(ScoringError, match=r"cannot be loaded \(.+\): its files are incomplete"):
        TransformerScorer(folder)


def test_a_checkpoint_that_was_never_tuned_is_refused(
    make_checkpoint: Callable[..., Path],
) -> None:
    """transformers would fill the missing head with random numbers."""
    from transformers import BertModel

    folder = make_checkpoint()
    BertModel.from_pretrained(folder).save_pretrained(folder / "base")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "base" / file).write_bytes((folder / file).read_bytes())
    with pytest.raises(ScoringError, match=r"lacks trained weights \(.*classifier"):
        TransformerScorer(folder / "base")


def test_a_tokenizer_of_another_checkpoint_is_refused(
    make_checkpoint: Callable[..., Path],
) -> None:
    folder = make_checkpoint(vocab_size=50)
    with pytest.raises(ScoringError, match="do not belong together"):
        TransformerScorer(folder)


def test_emotions_are_not_sentiment(make_checkpoint: Callable[..., Path]) -> None:
    folder = make_checkpoint(id2label={0: "joy", 1: "anger"})
    with pytest.raises(ScoringError, match="answers joy, anger"):
        TransformerScorer(folder)


def test_offline_says_how_to_bring_a_hub_checkpoint(tmp_path: Path) -> None:
    message = told(tmp_path, HF_HUB_OFFLINE="1")
    assert f"checkpoint {HUB_ID}" in message
    assert "unset HF_HUB_OFFLINE" in message
    assert "--local-dir FOLDER" in message


def test_an_unreachable_hub_is_reported_at_once(tmp_path: Path) -> None:
    begun = time.perf_counter()
    message = told(tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in message
    assert time.perf_counter() - begun < 60


def test_a_silent_hub_does_not_hold_us_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.perf_counter()
        message = told(tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "cannot be reached" in message
    assert time.perf_counter() - begun < 60


class Hub(BaseHTTPRequestHandler):
    """A model hub with one checkpoint, ``owner/tiny``, from ``folder``."""

    folder: Path

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        file = self.folder / path.rsplit("/", 1)[-1]
        if path == "/api/models/owner/tiny":
            content = json.dumps({"id": "owner/tiny", "siblings": []}).encode()
        elif path.startswith("/owner/tiny/resolve/") and file.is_file():
            content = file.read_bytes()
        else:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.send_header(
                "X-Error-Code", "EntryNotFound" if "/tiny/" in path else "RepoNotFound"
            )
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
        self.send_header("ETag", f'"{len(content)}"')
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


def test_a_hub_checkpoint_is_fetched_once_and_then_works_offline(
    tiny: Path, tmp_path: Path
) -> None:
    handler = type("Handler", (Hub,), {"folder": tiny})
    with HTTPServer(("127.0.0.1", 0), handler) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        endpoint = f"http://127.0.0.1:{hub.server_port}"
        online = told(tmp_path, "owner/tiny", HF_ENDPOINT=endpoint)
        unknown = told(tmp_path, "owner/other", HF_ENDPOINT=endpoint)
        hub.shutdown()
        thread.join()
    assert online == "owner/tiny@0123456789ab\n"
    assert "refuses checkpoint owner/other (HTTP 404)" in unknown
    assert told(tmp_path, "owner/tiny", HF_HUB_OFFLINE="1") == online

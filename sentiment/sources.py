"""Where a checkpoint comes from: a folder, a packed folder or the model hub."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sentiment.base import ScoringError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FAMILY = Path(__file__).with_name("checkpoint")
SHIPPED = FAMILY / "default"
"""The checkpoint that comes with Quietword, the better of two sizes."""
FAST = FAMILY / "fast"
"""Its smaller sister: four layers instead of twelve."""

CACHE = Path.home() / ".cache" / "quietword" / "checkpoints"
"""Where packed checkpoints are unpacked to, unless told otherwise."""
MANIFEST = "manifest.json"
METHOD = b"quietword-2"
"""Changes when windows or their weights do, so that stored verdicts of old ways keep their key."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
HUB_TIMEOUT_S = 5
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A checkpoint in memory; ``name`` is ``folder@hash`` or ``owner/name@commit``."""

    name: str
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"


def load(source: str | Path, cache: Path | None = None) -> Loaded:
    """Return the checkpoint at ``source``, in fp32 and ready to answer.

    ``source`` is ``default`` or ``fast`` (those that come with Quietword), a folder as
    transformers saves it, packed or not, or a hub id such as
    ``cardiffnlp/twitter-xlm-roberta-base-sentiment``. ``cache`` is where a packed folder is
    unpacked to. A hub checkpoint that is in the local Hugging Face cache is taken from there
    without asking the network; otherwise the hub must answer within ``HUB_TIMEOUT_S`` seconds.
    Code that comes with a checkpoint is never run.
    Raises ``ScoringError`` saying what is missing and what to do.
    """
    folder = {"default": SHIPPED, "fast": FAST}.get(str(source), Path(source).expanduser())
    if folder.is_dir():
        return _from_folder(folder, cache)
    if isinstance(source, Path) or not HUB_ID.fullmatch(source):
        raise ScoringError(
            f"there is no checkpoint folder {folder}; give the folder that holds its config.json,"
            " or a hub id such as owner/name"
        )
    return _from_hub(source)


def _from_folder(folder: Path, cache: Path | None) -> Loaded:
    if not (folder / "config.json").is_file():
        raise ScoringError(
            f"{folder} holds no config.json, so it is no checkpoint; give the folder that"
            " save_pretrained() or `quietword` training wrote"
        )
    plain = folder
    if not any((folder / weights).is_file() for weights in WEIGHTS):
        from sentiment.packing import unpacked

        plain = unpacked(folder, cache)
    model, tokenizer = _read(str(plain), str(folder))
    return Loaded(
        name=f"{folder.resolve().name}@{content_hash(folder)}", model=model, tokenizer=tokenizer
    )


def _from_hub(hub_id: str) -> Loaded:
    parts = None
    if _cached_commit(hub_id):
        with suppress(ScoringError):  # a download that broke off
            parts = _read(hub_id, hub_id)
    if parts is None:
        _require_hub(hub_id)
        parts = _read(hub_id, hub_id, local_files_only=False)
    model, tokenizer = parts
    return Loaded(name=f"{hub_id}@{_cached_commit(hub_id)}", model=model, tokenizer=tokenizer)


def _cached_commit(hub_id: str) -> str | None:
    """Return the first 12 digits of the commit that the local Hugging Face cache holds."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hub_id, "config.json")
    return Path(config).parent.name[:12] if isinstance(config, str) else None


def _require_hub(hub_id: str) -> None:
    """Raise ``ScoringError`` unless the hub has ``hub_id`` and answers in time.

    transformers itself would try for minutes when the network is silent.
    """
    from huggingface_hub import constants, get_token

    way_out = (
        "download it on a machine with access (`hf download"
        f" {hub_id} --local-dir FOLDER`), copy the folder here and name the folder instead, or use"
        " the checkpoint that comes with Quietword"
    )
    if constants.HF_HUB_OFFLINE:
        raise ScoringError(
            f"checkpoint {hub_id} is not a folder here, not complete in the local Hugging Face"
            f" cache, and HF_HUB_OFFLINE forbids fetching it: unset HF_HUB_OFFLINE, or {way_out}"
        )
    request = Request(  # noqa: S310  # the operator's own HF_ENDPOINT
        f"{constants.ENDPOINT}/api/models/{hub_id}"
    )
    if token := get_token():
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=HUB_TIMEOUT_S) as answer:  # noqa: S310
            answer.read(1)
    except HTTPError as error:
        error.close()
        raise ScoringError(
            f"{constants.ENDPOINT} refuses checkpoint {hub_id} (HTTP {error.code}): check its"
            f" spelling, set HF_TOKEN if it is not public, or {way_out}"
        ) from error
    except (OSError, ValueError) as error:
        raise ScoringError(
            f"checkpoint {hub_id} is neither a folder here nor complete in the local Hugging Face"
            " cache,"
            f" and {constants.ENDPOINT} cannot be reached ({error}): {way_out}"
        ) from error


def _read(
    place: str, name: str, *, local_files_only: bool = True
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return model and tokenizer of ``place``, a folder or hub id, called ``name`` in errors."""
    import pickle

    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    options: dict[str, Any] = {"local_files_only": local_files_only, "trust_remote_code": False}
    try:
        with _quiet_transformers():
            model, report = AutoModelForSequenceClassification.from_pretrained(
                place, dtype=torch.float32, output_loading_info=True, **options
            )
            tokenizer = AutoTokenizer.from_pretrained(place, **options)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
        ImportError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        raise ScoringError(
            f"checkpoint {name} cannot be loaded ({str(error).strip().splitlines()[0][:300]}): its"
            " files are incomplete or damaged, or need a newer transformers; fetch it again"
        ) from error
    if report["missing_keys"] or report["mismatched_keys"]:
        missing = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
        raise ScoringError(
            f"checkpoint {name} lacks trained weights ({', '.join(missing[:3])}): it was not tuned"
            " for classification and would answer at random; use a sentiment checkpoint"
        )
    if not getattr(tokenizer, "is_fast", False):
        raise ScoringError(
            f"checkpoint {name} has a tokenizer without character positions, which windows of"
            " long posts need; use a checkpoint with a tokenizer.json"
        )
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ScoringError(
            f"checkpoint {name} has {len(tokenizer)} tokens but"
            f" {model.get_input_embeddings().num_embeddings} embeddings: weights and tokenizer do"
            " not belong together"
        )
    return model.eval(), tokenizer


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep transformers' progress bars and loading reports out of our logs meanwhile."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers' own
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers' own
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # transformers' own


def content_hash(folder: Path) -> str:
    """Return 12 hex digits over the names and bytes of the files in ``folder``.

    Papers (``*.md``) and hidden files do not count; the place of the folder does not either.
    """
    whole = hashlib.sha256(METHOD)
    if (folder / MANIFEST).is_file():  # packed: it has the hash of every other file
        whole.update((folder / MANIFEST).read_bytes())
        return whole.hexdigest()[:12]
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        hidden = any(part.startswith((".", "__")) for part in path.parts)
        if file.is_file() and file.suffix != ".md" and not hidden:
            whole.update(path.as_posix().encode() + b"\0")
            with file.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()[:12]


def cores() -> int:
    """Return how many processors this process may use, a container's quota included."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        usable = min(usable or 1, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        pass
    return usable or 1

"""Ways to compute a checkpoint's outputs on this machine, and which of them is the quickest.

``torch`` is exact. ``torch-bf16`` computes in bfloat16, on processors that have it. ``onnx`` and
``onnx-int8`` need ONNX Runtime (``pip install 'quietword[onnx]'``); int8 rounds weights and
activations of all layers but the wide inputs of the feed-forward output, which lose most by it.
Measured 2026-11-24 on an AVX-512 core with twelve layers, 300 posts of 32 tokens: torch 59 posts/s,
onnx 65, torch-bf16 101 (no label changed), onnx-int8 109 (1.7 % of the labels changed; with every
layer rounded 166 and 5 %). ``quietword speed`` measures the machine at hand.
"""

import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sentiment.base import ScoringError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    Inputs = Mapping[str, NDArray[np.int64]]
    Outputs = NDArray[np.float32]

logger = logging.getLogger(__name__)

TORCH, BFLOAT16, ONNX, INT8 = NAMES = ("torch", "torch-bf16", "onnx", "onnx-int8")
AGREEMENT = 0.98
"""A backend that changes more than one label in fifty of ``torch`` is not chosen by itself."""
HOW_TO_GET = "ONNX Runtime is not installed: pip install 'quietword[onnx]'"


class Backend(Protocol):
    """Computes a batch on one thread; several threads may ask at once."""

    name: str

    def logits(self, inputs: "Inputs") -> "Outputs":
        """Return the outputs, (n, labels), for inputs by name, each (n, tokens)."""
        ...


class TorchBackend:
    """The network as torch runs it, in fp32 or, if ``half``, in bfloat16."""

    def __init__(
        self, model: "PreTrainedModel", device: str = "cpu", *, half: bool = False
    ) -> None:
        import torch

        self.name = BFLOAT16 if half else TORCH
        self._half = half
        # One thread a batch, some batches side by side: more wait for each other on a busy machine.
        torch.set_num_threads(1)
        try:
            self._device = torch.device(device)
            self._model = model
            self._model.to(self._device)  # type: ignore[arg-type]  # transformers hides its types
        except (RuntimeError, AssertionError) as error:
            raise ScoringError(
                f"torch cannot use device {device!r} ({str(error).splitlines()[0]}); use 'cpu'"
            ) from error

    def logits(self, inputs: "Inputs") -> "Outputs":
        """Return the outputs of one batch."""
        import torch

        given = {name: torch.from_numpy(value).to(self._device) for name, value in inputs.items()}
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._half),
        ):
            found: Outputs = self._model(**given).logits.float().cpu().numpy()
        return found


class OnnxBackend:
    """The network as ONNX Runtime runs it, exported once into ``cache`` under ``key``."""

    def __init__(
        self, model: "PreTrainedModel", inputs: Sequence[str], cache: Path, key: str, *, int8: bool
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ScoringError(HOW_TO_GET) from error
        self.name = INT8 if int8 else ONNX
        path = cache / f"{key}-{self.name}.onnx"
        if not path.is_file():
            _export(model, inputs, path, int8=int8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def logits(self, inputs: "Inputs") -> "Outputs":
        """Return the outputs of one batch."""
        import numpy as np

        [found] = self._session.run(None, dict(inputs))
        return np.asarray(found, np.float32)


def _export(model: "PreTrainedModel", inputs: Sequence[str], path: Path, *, int8: bool) -> None:
    """Write ``model`` to ``path`` as ONNX; a kill leaves nothing half done."""
    import torch

    try:
        import onnx
        import onnxscript  # noqa: F401  # torch's exporter needs it and says so late
    except ImportError as error:
        raise ScoringError(HOW_TO_GET) from error

    class Outputs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            return self.model(**dict(zip(inputs, given, strict=True))).logits  # type: ignore[no-any-return]

    path.parent.mkdir(parents=True, exist_ok=True)
    example = tuple(torch.ones((3, 17), dtype=torch.long) for _ in inputs)
    rows, places = torch.export.Dim("rows", max=4096), torch.export.Dim("places", min=2, max=512)
    with tempfile.TemporaryDirectory(prefix="exporting-", dir=path.parent) as folder, _quiet():
        whole = Path(folder) / "whole.onnx"
        program = torch.onnx.export(
            Outputs().eval(),
            example,
            dynamo=True,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_shapes=(tuple({0: rows, 1: places} for _ in inputs),),
            verbose=False,
        )
        if program is None:
            raise ScoringError("torch gave no ONNX program; use the backend 'torch'")
        program.save(str(whole))
        graph = onnx.load(whole)
        del graph.graph.value_info[:]  # stale shapes: the quantiser refuses them
        onnx.save(graph, whole)
        _write_int8(graph, whole, path) if int8 else whole.replace(path)


def _write_int8(graph: "onnx.ModelProto", whole: Path, path: Path) -> None:  # type: ignore[name-defined]  # noqa: F821
    from onnxruntime.quantization import QuantType, quantize_dynamic

    shapes = {constant.name: list(constant.dims) for constant in graph.graph.initializer}

    def narrowing(names: Sequence[str]) -> bool:
        return any(len(s := shapes.get(name, [])) == 2 and s[0] > 2 * s[1] for name in names)

    products = [node for node in graph.graph.node if node.op_type == "MatMul"]
    quantize_dynamic(
        whole,
        whole.with_name("int8.onnx"),
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=[node.name for node in products if narrowing(list(node.input))],
    )
    whole.with_name("int8.onnx").replace(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's chatter out of our output."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def has_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 itself; guessing yes would cost much time."""
    facts = Path("/proc/cpuinfo")
    return facts.is_file() and "avx512_bf16" in facts.read_text(encoding="ascii", errors="replace")


def available() -> list[str]:
    """Return the names of the backends this machine can use; ``torch`` first."""
    from importlib.util import find_spec

    found = [TORCH, BFLOAT16] if has_bfloat16() else [TORCH]
    if all(find_spec(name) for name in ("onnxruntime", "onnx", "onnxscript")):
        found += [ONNX, INT8]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one backend is here, and how often it says what ``torch`` says."""

    backend: str
    posts_per_second: float
    agreement: float


def quickest(speeds: Sequence[Speed]) -> Speed:
    """Return the fastest backend that agrees with ``torch`` well enough."""
    return max(
        (speed for speed in speeds if speed.agreement >= AGREEMENT),
        key=lambda speed: speed.posts_per_second,
    )


def _choice_file(cache: Path, key: str) -> Path:
    return cache / f"{key}-backend.json"


def remember(cache: Path, key: str, speeds: Sequence[Speed]) -> str:
    """Store what was measured for checkpoint ``key`` and return the backend chosen."""
    chosen = quickest(speeds).backend
    content = {"backend": chosen, "machine": _machine(), "measured": [asdict(s) for s in speeds]}
    cache.mkdir(parents=True, exist_ok=True)
    part = _choice_file(cache, key).with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(_choice_file(cache, key))
    return chosen


def remembered(cache: Path, key: str) -> str:
    """Return the backend measured to be the quickest here, ``torch`` where nothing was measured."""
    try:
        content = json.loads(_choice_file(cache, key).read_text(encoding="utf-8"))
        chosen = str(content["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return TORCH
    fits = content.get("machine") == _machine() and chosen in available()
    return chosen if fits else TORCH


def _machine() -> str:
    """Return what a measurement depends on: the processor and the versions of the runtimes."""
    from importlib.metadata import PackageNotFoundError, version

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "none"

    try:
        lines = Path("/proc/cpuinfo").read_text("ascii", errors="replace").splitlines()
        kind = next((line.split(":")[1].strip() for line in lines if "flags" in line), "")
    except OSError:
        kind = ""
    return f"{hash_of(kind)} torch {of('torch')} onnxruntime {of('onnxruntime')}"


def hash_of(text: str) -> str:
    """Return eight hex digits of ``text``."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:8]


def measured(backends: Sequence[Backend], batches: Sequence["Inputs"]) -> list[Speed]:
    """Return the speed of each of ``backends``, ``torch`` first, on ``batches`` one by one."""
    speeds: list[Speed] = []
    exact: list[int] = []
    for backend in backends:
        backend.logits(batches[0])
        taken, told = float("inf"), []
        for _ in range(2):
            begun = time.perf_counter()
            told = [backend.logits(batch) for batch in batches]
            taken = min(taken, time.perf_counter() - begun)
        labels = [int(label) for rows in told for label in rows.argmax(axis=1)]
        exact = exact or labels
        same = sum(a == b for a, b in zip(labels, exact, strict=True)) / len(labels)
        speeds.append(
            Speed(backend=backend.name, posts_per_second=len(labels) / taken, agreement=same)
        )
    return speeds

"""Tune the classifier on the mixture, resumable at any moment.

Schedule: warm-up, a plateau, then a linear decay over the last quarter. The number of examples
may be changed when a run is resumed, so the decay can be brought forward. ``SIGTERM`` and
``SIGINT`` save and stop.
"""

import json
import random
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file
from tokenizers import Tokenizer

from sentiment.packing import PLAIN_WEIGHTS, unpacked
from sentiment.training.base import Base, TrainingError
from sentiment.training.corpus import NOT_NEGATIVE, Row
from sentiment.training.mixture import Example, Pool, round_examples
from sentiment.training.network import (
    FROZEN_LAYERS,
    batches_of,
    classifier,
    encoded,
    logits_of,
    padded,
)
from sentiment.training.scores import macro_f1

if TYPE_CHECKING:
    import torch
    from transformers import BertForSequenceClassification

STATE = "state.pt"
LOG = "log.jsonl"
WORKERS = 2  # with one, two runs of the same data give the same bits
MICRO = 16  # rows in the unit of work of one thread
AVERAGE_EVERY = 8  # steps; the average costs as much as a small layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The settings of a run; ``examples`` may differ when it is resumed."""

    examples: int = 126_000
    seed: int = 7
    peak_rate: float = 1.6e-4
    layer_decay: float = 0.92
    warm_up: int = 3_200
    decay_share: float = 0.25
    batch: int = 32
    smoothing: float = 0.05
    average: float = 0.9985
    dev_every: int = 20_000
    save_every_s: float = 240.0
    half: bool = False
    """Forward and backward passes in bfloat16; weights, gradients and averages stay fp32. Twice as
    fast as fp32 on a processor with AVX-512 BF16, far slower on one without."""


def rate_factor(plan: Plan, seen: int) -> float:
    """Return the learning rate after ``seen`` examples as a part of its peak, 0-1."""
    left = (plan.examples - seen) / (plan.decay_share * plan.examples)
    return max(0.0, min(1.0, (seen + plan.batch) / plan.warm_up, left))


def parameter_groups(network: "BertForSequenceClassification", plan: Plan) -> list[dict[str, Any]]:
    """Return optimiser groups: lower layers learn slower, biases and norms do not shrink."""
    layers = network.config.num_hidden_layers
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = plan.peak_rate
        if name.startswith("bert.encoder.layer."):
            rate *= plan.layer_decay ** (layers - 1 - int(name.split(".")[3]))
        elif name.startswith("classifier."):
            rate *= 3
        shrink = 0.01 if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, shrink), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "peak": rate, "weight_decay": shrink}
        for (rate, shrink), parameters in groups.items()
    ]


def losses(logits: "torch.Tensor", labels: "torch.Tensor", smoothing: float) -> "torch.Tensor":
    """Return the loss of each row, (n,).

    Cross-entropy, or -log(1 - P(negative)) where a label only says ``NOT_NEGATIVE``.
    """
    import torch

    logs = torch.log_softmax(logits, dim=1)
    loose = torch.logsumexp(logs[:, 1:], dim=1)
    exact = torch.nn.functional.cross_entropy(
        logits, labels.clamp(max=2), reduction="none", label_smoothing=smoothing
    )
    return torch.where(labels == NOT_NEGATIVE, -loose, exact)


def trainable(network: "BertForSequenceClassification") -> dict[str, "torch.Tensor"]:
    """Return the tensors that tuning changes, by name."""
    return {name: p.data for name, p in network.named_parameters() if p.requires_grad}


def round_batches(
    mix: Sequence[Pool], number: int, plan: Plan, tokenizer: Tokenizer
) -> list[tuple[list[list[int]], list[Example]]]:
    """Return the batches of a round in their shuffled order; the same for the same arguments."""
    examples = round_examples(mix, number, plan.seed)
    sequences = [encoded(tokenizer, example.row) for example in examples]
    batches = batches_of([len(sequence) for sequence in sequences], plan.batch, plan.batch * 64)
    random.Random(f"{plan.seed}:{number}:order").shuffle(batches)  # noqa: S311 - no secret
    return [([sequences[i] for i in batch], [examples[i] for i in batch]) for batch in batches]


class Run:
    """One tuning run, with all of its state in ``folder``."""

    def __init__(
        self,
        folder: Path,
        base: Base,
        plan: Plan,
        workers: int = WORKERS,
        frozen: int = FROZEN_LAYERS,
        start: Path | None = None,
    ) -> None:
        import torch

        self.folder = folder
        self.plan = plan
        self.start = start
        self.tokenizer = Tokenizer.from_str(base.tokenizer)
        self.network = classifier(base, plan.seed, frozen)
        self.begin()
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.network, plan), betas=(0.9, 0.98), eps=1e-6, fused=True
        )
        self.learning = [p for p in self.network.parameters() if p.requires_grad]
        # Each worker computes whole parts on one thread. Threads inside the operations would wait
        # for each other some hundred times a step: with other load on the machine that is slow.
        self.workers = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
        self.averaged = {name: t.clone() for name, t in trainable(self.network).items()}
        self.round = self.batch = self.seen = self.next_dev = 0
        self.steps = 0
        self.seconds = 0.0
        self.stopped = False
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / STATE).is_file():
            self._resume()

    def begin(self) -> None:
        """Change the fresh network before anything is learnt: take the weights of ``start``."""
        if self.start:
            weights = load_file(unpacked(self.start) / PLAIN_WEIGHTS)
            for name, tensor in trainable(self.network).items():
                if name not in weights or weights[name].shape != tensor.shape:
                    raise TrainingError(f"{self.start} has no such weights: {name}")
                tensor.copy_(weights[name])

    def _resume(self) -> None:
        import torch

        state = torch.load(self.folder / STATE, weights_only=True)
        if state["seed"] != self.plan.seed:
            raise TrainingError(
                f"{self.folder / STATE} was made with --seed {state['seed']}: "
                "use that seed, or another --work folder"
            )
        for name, tensor in trainable(self.network).items():
            tensor.copy_(state["weights"][name])
        for name, tensor in self.averaged.items():
            tensor.copy_(state["averaged"][name])
        peaks = [(group["peak"], group["weight_decay"]) for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(state["optimiser"])
        for group, (peak, shrink) in zip(self.optimiser.param_groups, peaks, strict=True):
            group["peak"], group["weight_decay"] = peak, shrink
        torch.set_rng_state(state["random"])
        self.round, self.batch, self.seen = state["round"], state["batch"], state["seen"]
        self.next_dev, self.seconds = state["next_dev"], state["seconds"]
        self.steps = state["steps"]
        if state["rows_per_batch"] != self.plan.batch:
            # The places in a round are counted in batches: go on with the next round.
            self.round, self.batch = self.round + 1, 0

    def save(self) -> None:
        """Write the state so that a kill at any moment leaves the old or the new one."""
        import torch

        part = self.folder / (STATE + ".part")
        torch.save(
            {
                "seed": self.plan.seed,
                "weights": trainable(self.network),
                "averaged": self.averaged,
                "optimiser": self.optimiser.state_dict(),
                "random": torch.get_rng_state(),
                "round": self.round,
                "batch": self.batch,
                "rows_per_batch": self.plan.batch,
                "seen": self.seen,
                "steps": self.steps,
                "next_dev": self.next_dev,
                "seconds": self.seconds,
            },
            part,
        )
        part.replace(self.folder / STATE)

    def log(self, **facts: object) -> None:
        """Append one line of facts to the run's log."""
        with (self.folder / LOG).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"seen": self.seen, "s": round(self.seconds), **facts}) + "\n")

    def _part(self, part: tuple[list[list[int]], list[Example]]) -> float:
        """Add the gradients of a few rows to the step's and return the sum of their losses."""
        import torch

        sequences, examples = part
        ids, mask = padded(sequences)
        labels = torch.tensor([example.row.label for example in examples])
        weights = torch.tensor([example.weight for example in examples])
        each = self.losses_of({"input_ids": ids, "attention_mask": mask}, labels)
        # Batches of long texts hold fewer rows: dividing by the full size keeps rows equal.
        loss = (each * weights).sum() / self.plan.batch
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        return float(each.detach().sum())

    def logits(
        self, network: "BertForSequenceClassification", inputs: "Mapping[str, torch.Tensor]"
    ) -> "torch.Tensor":
        """Return a network's logits in fp32, computed as the plan says."""
        import torch

        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.half):
            logits: torch.Tensor = network(**inputs).logits
        return logits.float()

    def losses_of(
        self, inputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the loss of each row, (n,)."""
        return losses(self.logits(self.network, inputs), labels, self.plan.smoothing)

    def learn(self, sequences: list[list[int]], examples: list[Example]) -> float:
        """Take one step on one batch and return its loss."""
        import torch

        factor = rate_factor(self.plan, self.seen)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.network.train()
        self.optimiser.zero_grad(set_to_none=False)
        parts = [
            (sequences[at : at + MICRO], examples[at : at + MICRO])
            for at in range(0, len(sequences), MICRO)
        ]
        # Longest parts last in a batch: taken first, the workers end at about the same time.
        loss = sum(self.workers.map(self._part, reversed(parts))) / len(sequences)
        torch.nn.utils.clip_grad_norm_(self.learning, 1.0, foreach=True)
        self.optimiser.step()
        current = trainable(self.network)
        self.steps += 1
        if self.steps % AVERAGE_EVERY:
            return loss
        # The average forgets its beginning: short at first, then 1 / (1 - average) steps long.
        pull = max(1 - self.plan.average, 10 / (10 + self.seen / self.plan.batch)) * AVERAGE_EVERY
        pull = min(1.0, pull)
        torch._foreach_lerp_(
            list(self.averaged.values()), [current[name] for name in self.averaged], pull
        )
        return loss

    def dev_scores(self, dev: dict[str, list[Row]]) -> dict[str, float]:
        """Return the macro-F1 of each dev sample with the averaged weights."""
        self.swap()
        scores = {}
        for name, rows in dev.items():
            found = logits_of(self.network, self.tokenizer, rows).argmax(axis=1)
            gold = [row.label for row in rows]
            scores[name] = round(macro_f1(gold, [int(label) for label in found]), 3)
        self.swap()
        return scores

    def swap(self) -> None:
        """Exchange the current weights with the averaged ones."""
        for name, tensor in trainable(self.network).items():
            other = tensor.clone()
            tensor.copy_(self.averaged[name])
            self.averaged[name].copy_(other)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True

    def go(self, mix: Sequence[Pool], dev: dict[str, list[Row]]) -> bool:
        """Train to the end of the plan; return False when a signal stopped it before."""
        before = {s: signal.signal(s, self._stop) for s in (signal.SIGTERM, signal.SIGINT)}
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        try:
            with Progress(*columns, refresh_per_second=1) as bar:
                task = bar.add_task("tuning", total=self.plan.examples, completed=self.seen)
                while self.seen < self.plan.examples and not self.stopped:
                    self._round(
                        mix,
                        dev,
                        lambda text: bar.update(task, completed=self.seen, description=text),
                    )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.save()
        return not self.stopped

    def _round(self, mix: Sequence[Pool], dev: dict[str, list[Row]], show: Any) -> None:
        batches = round_batches(mix, self.round, self.plan, self.tokenizer)
        losses: list[float] = []
        saved = mark = told = time.monotonic()
        start = told_seen = self.seen
        while self.batch < len(batches) and self.seen < self.plan.examples and not self.stopped:
            if self.seen >= self.next_dev and self.next_dev:
                self.log(dev=self.dev_scores(dev))
                self.next_dev += self.plan.dev_every
            self.next_dev = self.next_dev or self.plan.dev_every
            sequences, examples = batches[self.batch]
            losses.append(self.learn(sequences, examples))
            self.batch += 1
            self.seen += len(examples)
            now = time.monotonic()
            self.seconds += now - mark
            mark = now
            if now - told > 60:
                self.log(
                    loss=round(float(np.mean(losses[-50:])), 4),
                    per_s=round((self.seen - told_seen) / (now - told), 2),
                )
                told, told_seen = now, self.seen
            show(f"loss {np.mean(losses[-50:]):.3f}, {self.seen:,} examples")
            if now - saved > self.plan.save_every_s:
                self.save()
                saved = now
        self.log(
            round=self.round,
            loss=round(float(np.mean(losses or [0])), 4),
            rate=rate_factor(self.plan, self.seen),
            examples=self.seen - start,
        )
        if self.batch == len(batches):
            self.round, self.batch = self.round + 1, 0
            self.save()

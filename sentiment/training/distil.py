"""Teach a shallow network to answer as the tuned one does.

The pupil begins with every third layer of its teacher and shares its words and tokenizer. It sees
the same stream of examples; most of its loss is the distance from the teacher's probabilities,
which say more about a text than one label.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.training.base import Base
from sentiment.training.tune import Plan, Run, losses

if TYPE_CHECKING:
    import torch
    from transformers import BertForSequenceClassification

LAYERS = 4
EXAMPLES = 36_000
PEAK_RATE = 3e-4
TEACHER_SHARE = 0.8  # of the loss; the rest is the label's
SOFTNESS = 1.5  # temperature at which teacher and pupil are compared


def kept_layers(deep: int, shallow: int) -> list[int]:
    """Return which layers of the teacher the pupil begins with: the first, the last, and evenly."""
    return [round(place * (deep - 1) / (shallow - 1)) for place in range(shallow)]


def pupil_base(base: Base, layers: int = LAYERS) -> Base:
    """Return ``base`` with ``layers`` of its layers."""
    kept = kept_layers(int(base.config["num_hidden_layers"]), layers)
    tensors = {}
    for name, value in base.tensors.items():
        if not name.startswith("encoder.layer."):
            tensors[name] = value
            continue
        _, _, number, rest = name.split(".", 3)
        if int(number) in kept:
            tensors[f"encoder.layer.{kept.index(int(number))}.{rest}"] = value
    config = {**base.config, "num_hidden_layers": layers}
    return Base(config=config, tensors=tensors, words=base.words, tokenizer=base.tokenizer)


class Lesson(Run):
    """One run of a pupil under a teacher; resumable like any other."""

    def __init__(
        self,
        folder: Path,
        base: Base,
        plan: Plan,
        teacher: "BertForSequenceClassification",
        workers: int,
        start: Path | None = None,
    ) -> None:
        self.teacher = teacher.eval()  # type: ignore[no-untyped-call]  # transformers' own
        super().__init__(folder, pupil_base(base), plan, workers, frozen=0, start=start)

    def begin(self) -> None:
        """Take over layers, pooler and head of the teacher, or the weights of ``start``."""
        if self.start:
            super().begin()
            return
        pupil, teacher = self.network, self.teacher
        kept = kept_layers(teacher.config.num_hidden_layers, pupil.config.num_hidden_layers)
        for own, number in zip(pupil.bert.encoder.layer, kept, strict=True):
            own.load_state_dict(teacher.bert.encoder.layer[number].state_dict())
        for name in ("bert.pooler", "classifier"):
            state = teacher.get_submodule(name).state_dict()
            pupil.get_submodule(name).load_state_dict(state)

    def losses_of(
        self, inputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the loss of each row: mostly the distance from the teacher's answer."""
        import torch

        with torch.no_grad():
            wanted = torch.softmax(self.logits(self.teacher, inputs) / SOFTNESS, dim=1)
        logits = self.logits(self.network, inputs)
        told = torch.log_softmax(logits / SOFTNESS, dim=1)
        apart = torch.nn.functional.kl_div(told, wanted, reduction="none").sum(1) * SOFTNESS**2
        own = losses(logits, labels, self.plan.smoothing)
        return TEACHER_SHARE * apart + (1 - TEACHER_SHARE) * own

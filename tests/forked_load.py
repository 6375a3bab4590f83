"""What every forked process of the tests finds loaded: the commands, the jobs, the checkpoint's."""

import transformers.models.bert.modeling_bert

import monitor.checking
import monitor.cli
import monitor.crawl_child
import monitor.service
import sentiment.transformer

__all__ = ["monitor", "sentiment", "transformers"]

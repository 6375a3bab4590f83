"""A small forum to try Quietword on: two engines, three languages, one growing thread."""

from monitor.demo.forum import DemoForum
from monitor.demo.story import NORDVIA, Brand, DemoError, Rival, Story, load_story

__all__ = ["NORDVIA", "Brand", "DemoError", "DemoForum", "Rival", "Story", "load_story"]

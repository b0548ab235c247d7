"""How often a process of ours looks for garbage that holds on to itself.

A batch of 800 events is tens of thousands of objects that all go with it, by their counts. Python's
collector, by default, looks at what is new after each 700, and now and then at all there is: a
fifth of a batch's time, for nothing found.
"""

from __future__ import annotations

import gc

LOOK_AFTER = 5000  # objects more than before, instead of 700
OLDER_EVERY = 10  # looks at the new ones for one at those that outlived one; and again, at all


def settle() -> None:
    """Call once, when a process has loaded what it needs: that stays and is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOOK_AFTER, OLDER_EVERY, OLDER_EVERY)

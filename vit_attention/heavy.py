"""What loading a model shares with everybody: the lock of heavy imports, and how progress is told."""

import threading
from collections.abc import Callable

Progress = Callable[[int, int | None], None]

# Two threads that import transformers (or torchvision) at the same time fail: every heavy import waits here.
heavy_imports = threading.RLock()

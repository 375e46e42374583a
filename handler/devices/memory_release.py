"""Memory after a lack of it: what a failed request still holds is given back, so that the next one has it."""

import gc
import sys
import traceback


def release_memory(error: BaseException) -> None:
    """Forget the local variables of the frames that an error has passed, and empty the caches of GPUs' allocators.

    torch keeps freed memory of a GPU for itself; after a failure another model, or a larger block, may need it.
    """
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()

"""How much of the process' memory stays where a thread that has ended put it."""

import ctypes
import subprocess
import sys

import pytest

CHECK = """
import ctypes, threading
from otel_kubecost.allocator import use_one_heap
if {one}:
    use_one_heap()

# malloc itself: what Python asks for itself may be elsewhere
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
places = [malloc(1000)]
thread = threading.Thread(target=lambda: places.append(malloc(1000)))
thread.start()
thread.join()
print(abs(places[1] - places[0]) < 2**26)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
@pytest.mark.parametrize("one", [True, False])
def test_threads_share_one_heap(one):
    """After the call a thread's memory is beside that of the others, and elsewhere without it."""
    finished = subprocess.run(
        [sys.executable, "-c", CHECK.format(one=one)], capture_output=True, text=True, check=True
    )
    assert finished.stdout == f"{one}\n"

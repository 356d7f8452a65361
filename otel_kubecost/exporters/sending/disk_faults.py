"""Why a disk does not take what is to be kept, in one word for a metric."""

from __future__ import annotations

import errno

FAULTS = {
    errno.EAGAIN: "in_use",
    errno.EOPNOTSUPP: "in_use",
    errno.EBADMSG: "damaged",
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
}
OTHER_FAULT = "io_error"


def fault_of(error: OSError) -> str:
    """One of ``FAULTS``, or ``OTHER_FAULT``."""
    return FAULTS.get(error.errno or 0, OTHER_FAULT)

"""Peak resident memory of this process (MiB), counted from a mark: the same rule as tests/bench/lib/memory.ts."""


def _status(field: str) -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def mark() -> float:
    """Sets the kernel's high-water mark back to what is resident now (proc(5), clear_refs) and returns that."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")
    return _status("VmRSS")


def peak_above(marked: float) -> float:
    return _status("VmHWM") - marked

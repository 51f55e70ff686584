"""dpdk-testpmd as the other end of a shared-memory wire. Standard library only."""
import subprocess
from contextlib import contextmanager

from namespaces import DIES_WITH_TEST, cpus, eventually


class Flood:
    """testpmd that sends frames of zeros into a device as fast as it can, until it is killed."""

    def __init__(self, device, log_path):
        cpu = cpus()[1]
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(
                DIES_WITH_TEST + ["dpdk-testpmd", "--no-pci", "--no-huge", "--no-shconf", "-m", "128",
                                  "--no-telemetry", "--lcores", f"0@{cpu},1@{cpu}",
                                  "--vdev", "net_null0,size=64", "--vdev", device, "--",
                                  "--auto-start", "--nb-cores=1", "--total-num-mbufs=16384",
                                  "--forward-mode=io", "--no-lsc-interrupt", "--stats-period=3600"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@contextmanager
def bridge(namespace, device, log_path, queues=1):
    """testpmd between a DPDK device and the kernel's interface client0, inside the namespace."""
    cpu = cpus()[1]
    command = ["ip", "netns", "exec", namespace.name, "dpdk-testpmd", "--no-pci", "--no-huge",
               "--no-shconf", "-m", "128", "--no-telemetry", "--lcores", f"0@{cpu},1@{cpu}",
               "--vdev", device, "--vdev", "net_tap0,iface=client0", "--", "--auto-start",
               "--nb-cores=1", "--total-num-mbufs=16384", "--forward-mode=io",
               f"--rxq={queues}", f"--txq={queues}",
               "--no-lsc-interrupt", "--stats-period=3600"]
    with open(log_path, "wb") as log:
        process = subprocess.Popen(DIES_WITH_TEST + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    shown = ["ip", "-n", namespace.name, "link", "show", "client0"]
    try:
        if not eventually(lambda: subprocess.run(shown, capture_output=True, check=False)
                          .returncode == 0):
            with open(log_path, encoding="utf-8", errors="replace") as file:
                raise AssertionError(f"testpmd did not start:\n{file.read()}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

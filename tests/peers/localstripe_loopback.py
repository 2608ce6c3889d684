"""Runs a Python module that is a server so that nobody but this machine can reach it.

    python localstripe_loopback.py MODULE [ARGUMENT ...]

localstripe binds to every address of the machine, and has no option against that. Here every socket that is bound is bound to
127.0.0.1 instead, and its port is printed on a line of its own, `listening on 127.0.0.1:PORT`. The module is run as it is.
"""

import runpy
import socket
import sys

System = socket.socket


class Loopback(System):
    """A socket of IPv4 that is bound to 127.0.0.1, whatever it is asked."""

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        if family == socket.AF_INET6 and fileno is None:
            family = socket.AF_INET
        super().__init__(family, type, proto, fileno)

    def bind(self, address):
        if self.family == socket.AF_INET6:
            raise OSError("a server on this machine only was about to be bound by IPv6")
        if self.family != socket.AF_INET:
            return super().bind(address)
        super().bind(("127.0.0.1", address[1]))

    def listen(self, *arguments):
        super().listen(*arguments)
        if self.family == socket.AF_INET:
            print("listening on 127.0.0.1:%d" % self.getsockname()[1], flush=True)


socket.socket = Loopback
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

"""`impasto worker`: paints for another program, over standard input and output (docs/worker.md).

streams    what the process is connected to: requests, events, log
records    what `hello` and `describe` answer
requests   what may be asked for, checked
server     who is asked, in which order, and what is answered
sent       the pictures of a request, and whether a live one starts from what they became
pictures   samples to pictures and back, and previews
painting   one job, from request to result
"""

from __future__ import annotations

import signal
import threading

from . import records
from .streams import Log, Outbox, take_over


def serve() -> None:
    """Be a worker until the requests end. Does not return.

    The main thread paints. One thread reads requests, and ends the process when there can be no more; one writes
    events; one tells every second that the process is alive.
    """
    for name in {"SIGTERM", "SIGINT", "SIGHUP"} & vars(signal).keys():
        signal.signal(getattr(signal, name), signal.SIG_DFL)  # at once, in the middle of a step as well
    source, sink = take_over()
    log, send = Log(), Outbox(sink)
    send("hello", **records.hello(log))
    from .server import Server  # with what it needs: hello does not wait for that

    server = Server(send, log)
    threading.Thread(target=server.read, args=(source,), daemon=True).start()
    threading.Thread(target=server.beat, daemon=True).start()
    server.work()

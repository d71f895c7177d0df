"""The web server: gunicorn over the application, loaded once before the workers are forked."""

from __future__ import annotations

import gc
import os
import selectors
import shutil
import socket
import sys
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import TConn, ThreadWorker

from configurator.config import Settings

LINGER_SECONDS = 2.0  # for a client to close the connection after its last answer
UNHEARD_BYTES = 2**16  # that it may send meanwhile


def metrics_folder(settings: Settings) -> str:
    """Where the web processes of one server leave their counters; emptied at its start."""
    folder = settings.folder / "metrics" / str(settings.port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return str(folder)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Takes as many requests as it has threads, and leaves the others to whichever process is free first.

    While all its threads are taken it lets go of the connections that it answers: a client that stays with a crowded
    process would wait while another one is idle.
    """

    @property
    def in_hand(self) -> int:
        """Connections whose request is being answered, or waits for a thread."""
        return int(self.nr_conns) - len(self.keepalived_conns) - len(self.pending_conns)

    @property
    def worker_connections(self) -> int:
        """How many connections it has at most; as many more are accepted as there are threads for."""
        return min(int(self.cfg.worker_connections), int(self.nr_conns) + self.cfg.threads - self.in_hand)

    @worker_connections.setter
    def worker_connections(self, _most: int) -> None: ...

    @property
    def max_keepalived(self) -> int:
        """How many connections may stay open: none that is answered while all threads are taken."""
        return 0 if self.in_hand >= self.cfg.threads else int(self.cfg.worker_connections)

    @max_keepalived.setter
    def max_keepalived(self, _most: int) -> None: ...

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """What happens to a connection after an answer; the end of it is waited for beside all others.

        Gunicorn waits here for the client to close it, up to 2 s, while nobody else is heard.
        """
        if fs.cancelled() or fs.exception() or not fs.result():
            self._let_go(conn)
        else:
            super().finish_request(conn, fs)

    def _let_go(self, conn: TConn) -> None:
        """Say that it is over. The client closes first (RFC 9112, 9.6), so that nothing of the answer is lost."""
        conn.sock.setblocking(False)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone already
            self.nr_conns -= 1
            conn.close()
            return
        conn.timeout = monotonic() + LINGER_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._hear_out, conn))

    def _hear_out(self, conn: TConn, client: socket.socket) -> None:
        """Leave what the client still sends unread, as far as it is little, until it closes the connection."""
        try:
            more = client.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        conn.unheard = getattr(conn, "unheard", 0) + len(more)
        if not more or conn.unheard > UNHEARD_BYTES:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self.nr_conns -= 1
            conn.close()


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our settings and no file of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        s = self.settings
        options = {
            "bind": f"[{s.host}]:{s.port}" if ":" in s.host else f"{s.host}:{s.port}",
            "workers": s.web_processes,
            "threads": s.web_threads,
            "worker_class": Worker,
            "preload_app": True,
            "control_socket_disable": True,
            "loglevel": s.log_level.lower(),
            "timeout": 60,
            "graceful_timeout": 10,
            "keepalive": 5,
            "proc_name": "configurator",
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - heartbeat only
            "forwarded_allow_ips": "",  # which proxies are believed is a setting of ours (`proxies`)
            "post_fork": _post_fork,
            "worker_exit": _worker_exit,
            "child_exit": _child_exit,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from configurator import db
        from configurator.app import create_app, warm

        app = create_app(self.settings)
        warm(app)
        db.database().close()  # a connection is not carried over a fork
        # What is loaded by now stays for good: the collector need not look at it again (a full round took 200 ms of
        # everybody's click), and forked processes keep sharing its pages.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 500)  # the caches that a process fills are old and alive: seldom look at them all
        return app


def _post_fork(_server: Any, _worker: Any) -> None:
    from configurator import db

    db.database().forget_connections()


def _worker_exit(_server: Any, _worker: Any) -> None:
    """All requests are answered by now. Python would take its memory apart page by page; the kernel is quicker."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder(settings)  # before prometheus_client is imported
    Server(settings).run()

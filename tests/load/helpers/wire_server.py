"""A server that handles its connections byte by byte, by a script of the test."""

import contextlib
import socket
import struct
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock):
        self.sock = sock
        self._rest = b""

    def request(self):
        """Return the next request as bytes, None if the client closed the connection."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return None
        head, _, body = self._rest.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            if not self._more():
                return None
            body = self._rest.partition(b"\r\n\r\n")[2]
        self._rest = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def send(self, data):
        self.sock.sendall(data)

    def answer_all(self, data=OK):
        """Answer every request alike until the client goes."""
        while self.request() is not None:
            self.send(data)

    def reset(self):
        """Break the connection instead of closing it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def closed_by_client(self):
        """Wait until the client closes the connection."""
        return self.sock.recv(1) == b""

    def _more(self):
        data = self.sock.recv(65536)
        self._rest += data
        return bool(data)


class WireServer:
    """Serves each connection in a thread: the first with the first script, the last script serves all others."""

    def __init__(self, *scripts, tls=None, host="127.0.0.1"):
        self.scripts = list(scripts)
        self.requests = []
        self.connections = 0
        self.host, self._tls = host, tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self._peers = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
        assert not any(thread.is_alive() for thread in self._threads)

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock, script))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock, script):
        # A client that hangs up, or a script that does, ends the script; TLS that was shut down is a ValueError.
        with contextlib.suppress(OSError, ValueError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                with self._tls.wrap_socket(sock, server_side=True) as secure:
                    self._run(secure, script)
                    secure.unwrap()
            else:
                self._run(sock, script)

    def _run(self, sock, script):
        peer = RecordingPeer(sock, self.requests)
        self._peers.append(peer)
        script(peer)


class RecordingPeer(Peer):
    """A peer that notes the requests of all connections in one list."""

    def __init__(self, sock, requests):
        super().__init__(sock)
        self._requests = requests

    def request(self):
        request = super().request()
        if request is not None:
            self._requests.append(request)
        return request


def once(data):
    """Answer one request with some bytes, then close."""

    def script(peer):
        peer.request()
        peer.send(data)

    return script


def keep_answering(peer):
    """Answer every request with OK."""
    peer.answer_all()

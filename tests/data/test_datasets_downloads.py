"""Downloads, against a server on loopback that does all that servers do: answer, refuse, stall, lie."""

from __future__ import annotations

import gzip
import hashlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deltarule.data import downloads
from deltarule.data.downloads import RemoteFile, RemoteFolder, contents, data_folder, fetch
from deltarule.errors import DataSetError

CONTENT = b"what the file holds, " * 1000
ZIPPED = gzip.compress(CONTENT, mtime=0)
NAME = "some.bin.gz"
CHILD = """
import sys
from deltarule.data import downloads
from deltarule.data.downloads import RemoteFile, RemoteFolder, contents
downloads.SILENCE = 600
url, name, md5, size = sys.argv[1:]
folder = RemoteFolder("some", (url,), (RemoteFile(name, (md5,), int(size)),))
print(len(contents(folder)[0]))
"""

Answer = Callable[[BaseHTTPRequestHandler], None]


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def send(data: bytes, announced: int | None = None, status: int = 200) -> Answer:
    """Answer with these bytes, and say that there are so many (-1: do not say)."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if announced != -1:
            handler.send_header("Content-Length", str(len(data) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def send_chunks_and_break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"ff\r\nhalf a chunk")
    handler.close_connection = True


def speak_no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 welcome to this mail server\r\n")


class Server:
    """A server on loopback; `answer` is what it does, `asked` the paths that it was asked for."""

    def __init__(self) -> None:
        self.answer: Answer = send(ZIPPED)
        self.asked: list[str] = []
        self.half_sent, self.end = threading.Event(), threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.answer(self)

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})

    def stall(self, handler: BaseHTTPRequestHandler) -> None:
        """Send half of the file, then nothing more."""
        send(ZIPPED[: len(ZIPPED) // 2], len(ZIPPED))(handler)
        self.half_sent.set()
        self.end.wait()

    def stop(self) -> None:
        self.end.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that is not there yet; no proxy; a busy computer does not count as silent."""
    monkeypatch.setattr(downloads, "SILENCE", 600.0)
    monkeypatch.setenv("DELTARULE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "data"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.thread.start()
    yield server
    server.stop()


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/data/"


def folder_at(*mirrors: str, file: RemoteFile | None = None) -> RemoteFolder:
    return RemoteFolder("some", mirrors, (file or RemoteFile(NAME, (md5(ZIPPED),), len(CONTENT)),))


def test_downloads_once(server: Server, home: Path) -> None:
    folder = folder_at(server.url)
    assert [file.name for file in folder.missing()] == [NAME]
    assert contents(folder) == [CONTENT]
    assert contents(folder) == [CONTENT]
    assert fetch(folder, download=False) == [home / "some" / NAME]
    assert server.asked == [f"/data/{NAME}"]
    assert [path.name for path in (home / "some").iterdir()] == [NAME]
    assert folder.missing() == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (send(ZIPPED[:50], len(ZIPPED)), f"a connection that ended after 50 of {len(ZIPPED)} bytes"),
        (send(ZIPPED[:50], -1), "another file, with the MD5"),
        (send_chunks_and_break_off, "a connection that ended after"),
        (send(b""), "another file, with the MD5 d41d8cd98f00b204e9800998ecf8427e"),
        (send(b"<html>please log in</html>"), "another file, with the MD5"),
        (send(bytes(200_000)), "an answer of more than"),
        (send(b"", status=404), "the answer 404 Not Found"),
        (send(b"", status=503), "the answer 503 Service Unavailable"),
        (speak_no_http, "220 welcome"),
    ],
)
def test_what_is_not_the_file_is_never_kept(server: Server, home: Path, answer: Answer, said: str) -> None:
    server.answer = answer
    with pytest.raises(DataSetError) as refused:
        fetch(folder_at(server.url))
    assert said in str(refused.value)
    assert list((home / "some").iterdir()) == []
    server.answer = send(ZIPPED)
    assert contents(folder_at(server.url)) == [CONTENT]


def test_offline(nobody: str, home: Path) -> None:
    files = tuple(RemoteFile(name, ("-",), 1) for name in ("a.gz", "b.gz"))
    with pytest.raises(DataSetError) as refused:
        fetch(RemoteFolder("some", (nobody,), files))
    asked, found, allowed, hint = (
        f"The data set some needs a.gz, b.gz in {str(home / 'some')!r}",
        f"; got connection refused from {nobody.split('/')[2]}.",
        f" Allowed: the files of {nobody}",
        f"put them in that folder, or let DELTARULE_DATA name a folder that has {Path('some', 'a.gz')}.",
    )
    for part in (asked, found, allowed, hint):
        assert part in str(refused.value)


def test_no_such_host() -> None:
    with pytest.raises(DataSetError, match=r"got .* from host\.invalid\."):
        fetch(folder_at("http://host.invalid/"))


def test_a_server_that_falls_silent(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "SILENCE", 0.25)
    server.answer = server.stall
    with pytest.raises(DataSetError, match=r"got no answer for 0\.25 seconds"):
        fetch(folder_at(server.url))
    assert list((home / "some").iterdir()) == []


def test_the_next_mirror_is_tried(server: Server, nobody: str) -> None:
    assert contents(folder_at(nobody, server.url)) == [CONTENT]


def test_each_mirror_is_told_of(server: Server, nobody: str) -> None:
    server.answer = send(b"", status=404)
    with pytest.raises(DataSetError, match=r"connection refused from .*; the answer 404 Not Found from 127"):
        fetch(folder_at(nobody, server.url))


def test_without_permission_the_network_is_left_alone(server: Server, home: Path) -> None:
    with pytest.raises(DataSetError, match="got nothing, and the network is not to be used"):
        contents(folder_at(server.url), download=False)
    assert server.asked == []
    assert not home.exists()


def child(server: Server) -> subprocess.Popen[str]:
    """Another process that downloads the same file to the same folder."""
    command = [sys.executable, "-c", CHILD, server.url, NAME, md5(ZIPPED), str(len(CONTENT))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_the_same_time(server: Server, home: Path) -> None:
    """None is answered before both have asked."""
    both = threading.Barrier(2)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        both.wait(timeout=600)
        send(ZIPPED)(handler)

    server.answer = answer
    children = [child(server), child(server)]
    assert [process.communicate()[0].strip() for process in children] == [str(len(CONTENT))] * 2
    assert len(server.asked) == 2
    assert [path.name for path in (home / "some").iterdir()] == [NAME]


def test_a_process_killed_half_way_leaves_no_file(server: Server, home: Path) -> None:
    server.answer = server.stall
    with child(server) as process:
        assert server.half_sent.wait(timeout=600)
        process.kill()
    assert list((home / "some").iterdir()) == []
    server.answer = send(ZIPPED)
    assert contents(folder_at(server.url)) == [CONTENT]


def test_a_file_that_is_there_is_checked(server: Server, home: Path) -> None:
    path = home / "some" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(ZIPPED[:-9])
    expected = (
        rf"must be the file of the data set; got one with the MD5 {md5(ZIPPED[:-9])}\. Allowed: the MD5 "
    )
    with pytest.raises(
        DataSetError, match=expected + rf"{md5(ZIPPED)}\. Delete it, and it is downloaded again\."
    ):
        contents(folder_at(server.url))
    assert path.read_bytes() == ZIPPED[:-9]
    assert server.asked == []


@pytest.mark.parametrize("level", [0, 1, 9])
def test_headers_of_gzip_may_vary(server: Server, level: int) -> None:
    server.answer = send(gzip.compress(CONTENT, compresslevel=level, mtime=level))
    file = RemoteFile(NAME, (md5(CONTENT),), len(CONTENT))
    assert contents(folder_at(server.url, file=file)) == [CONTENT]


@pytest.mark.parametrize("name", [NAME, NAME.removesuffix(".gz")])
def test_a_file_without_gzip_will_do(nobody: str, home: Path, name: str) -> None:
    (home / "some").mkdir(parents=True)
    (home / "some" / name).write_bytes(CONTENT)
    file = RemoteFile(NAME, (md5(ZIPPED), md5(CONTENT)), len(CONTENT))
    assert contents(folder_at(nobody, file=file)) == [CONTENT]


@pytest.mark.parametrize("text", [b"a,b\r\n1,2\r\n", b'"a","b"\n1,2\n', b"a,b\n1,2\n"])
def test_text_may_have_other_line_ends_and_quotes(server: Server, text: bytes) -> None:
    server.answer = send(text)
    file = RemoteFile("some.csv", (md5(b"a,b\n1,2\n"),), 8)
    assert contents(folder_at(server.url, file=file)) == [text]


def test_gzip_that_expands_without_end_is_cut(server: Server) -> None:
    server.answer = send(gzip.compress(bytes(50_000_000)))
    with pytest.raises(DataSetError, match="another file"):
        contents(folder_at(server.url))


def test_a_folder_that_cannot_be_made(server: Server, home: Path) -> None:
    home.write_bytes(b"a file is in the way")
    with pytest.raises(DataSetError, match=r"cannot be made: .*DELTARULE_DATA can name another folder"):
        fetch(folder_at(server.url))
    assert server.asked == []


def test_a_folder_where_the_file_should_be(server: Server, home: Path) -> None:
    (home / "some" / NAME).mkdir(parents=True)
    with pytest.raises(DataSetError, match="it is a folder"):
        fetch(folder_at(server.url))
    assert server.asked == []


def test_data_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder() == home
    monkeypatch.setenv("DELTARULE_DATA", "~/data")
    assert data_folder() == Path.home() / "data"
    monkeypatch.setenv("DELTARULE_DATA", "")
    monkeypatch.setattr(
        downloads.platformdirs, "user_cache_path", lambda name, appauthor: Path("/cache", name)
    )
    assert data_folder() == Path("/cache/deltarule")


def test_a_home_folder_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELTARULE_DATA", "~nosuchuser/data")
    with pytest.raises(DataSetError) as refused:
        data_folder()
    assert str(refused.value) == (
        "DELTARULE_DATA must name a folder, and ~ at its beginning a home folder that is known; "
        "got '~nosuchuser/data'. Write the path without ~."
    )

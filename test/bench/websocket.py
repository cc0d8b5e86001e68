"""The rows of pype-websocket: messages of 200 bytes from a server that sends blocks of ready frames, so that the client is what is
measured, against clients of npm ws: one that counts them, and one that writes the same events.

BENCH_MESSAGES (300000) is how many.
"""
import base64
import hashlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading

from measuring import BUILD, ROUNDS, try_measure

MESSAGES = int(os.environ.get("BENCH_MESSAGES") or 300000)
BLOCK = 2000
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

CLIENT = """
const {WebSocket} = require('ws');
const [url, count, write] = process.argv.slice(2);
const s = new WebSocket(url, {rejectUnauthorized: false, perMessageDeflate: false});
let n = 0, lines = [];
s.on('message', (m) => {
  if (write) {
    lines.push(JSON.stringify({event: 'message', time: Date.now() / 1000, data: JSON.parse(m)}) + '\\n');
    if (lines.length === 300) { process.stdout.write(lines.join('')); lines = []; }
  }
  if (++n === +count) { process.stdout.write(lines.join('')); s.close(); }
});
"""


def block():
    event = {"symbol": "AAPL", "price": 182.25, "size": 100, "note": ""}
    event["note"] = "x" * (200 - len(json.dumps(event, separators=(",", ":"))))
    text = json.dumps(event, separators=(",", ":")).encode()
    return (b"\x81\x7e" + struct.pack(">H", len(text)) + text) * BLOCK


def serve(conn, context, frames):
    try:
        if context:
            conn = context.wrap_socket(conn, server_side=True)
        head = b""
        while b"\r\n\r\n" not in head:
            head += conn.recv(4096)
        key = next(l.split(b":")[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        conn.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        for _ in range(0, MESSAGES, BLOCK):
            conn.sendall(frames)
        conn.sendall(b"\x88\x02\x03\xe8")
        while conn.recv(4096):
            pass
    except OSError:
        pass
    conn.close()


def accept_all(server, context, frames):
    while True:
        conn, _ = server.accept()
        threading.Thread(target=serve, args=(conn, context, frames), daemon=True).start()


def listen(context, frames):
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept_all, args=(server, context, frames), daemon=True).start()
    return server.getsockname()[1]


def tls(directory):
    pem = directory + "/websocket.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-days", "2", "-keyout", pem, "-out", pem + ".crt"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem + ".crt", pem)
    return context


def websocket(directory):
    node = shutil.which("node") if os.path.isdir(BUILD + "/node/node_modules/ws") else None
    os.environ["NODE_PATH"] = BUILD + "/node/node_modules"
    client = directory + "/client.js"
    with open(client, "w") as out:
        out.write(CLIENT)
    frames, n = block(), str(MESSAGES)
    print("\nwebsocket, %d messages of 200 bytes\n" % MESSAGES)
    for scheme, port in (("ws", listen(None, frames)), ("wss", listen(tls(directory), frames))):
        url = "%s://127.0.0.1:%d/" % (scheme, port)
        rows = [("pype-websocket", ["pype-websocket", "-k", "--count", n, url])]
        if node:
            rows += [("node ws, writes events", [node, client, url, n, "write"]), ("node ws, counts", [node, client, url, n])]
        done = [[try_measure("/dev/null", command)[0] for _, command in rows] for _ in range(ROUNDS)]
        quickest = [min(runs) for runs in zip(*done)]
        for (title, _), (wall, peak, status) in zip(rows, quickest):
            print("  %-74s %8.0f k/s %8.1f MiB %8.2f x%s" % (scheme + ", " + title, MESSAGES / wall / 1000, peak / 1024,
                                                            wall / quickest[0][0], " status %d" % status if status else ""))

import struct
import zlib

from podbay.wire.spdy import DICTIONARY, Received, SpdyConnection


def test_the_dictionary_is_the_protocols_own() -> None:
    # What zlib says of the dictionary is written into every SPDY/3 header block, so peers can only agree on it whole.
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_opened_streams_have_odd_ids_and_their_headers() -> None:
    connection = SpdyConnection()
    ids = [connection.open({"streamType": kind}) for kind in ("error", "stdin")]
    assert ids == [1, 3]
    data, headers = connection.take(), zlib.decompressobj(zdict=DICTIONARY)
    found = []
    while data:
        kind, flags_length = struct.unpack_from(">II", data)
        length = flags_length & 0xFFFFFF
        assert kind == 0x80030001
        block = headers.decompress(data[18 : 8 + length])
        found.append(block)
        data = data[8 + length :]
    name = struct.pack(">II", 1, 10) + b"streamtype"
    assert found == [name + struct.pack(">I", 5) + b"error", name + struct.pack(">I", 5) + b"stdin"]


def test_data_is_received_however_it_is_cut() -> None:
    sender = SpdyConnection()
    sender.send(1, b"hello")
    sender.send(1, b"", end=True)
    sender.send(3, b"x" * 100, end=True)
    data = sender.take()
    for step in (1, 7, len(data)):
        receiver = SpdyConnection()
        found = [each for start in range(0, len(data), step) for each in receiver.receive(data[start : start + step])]
        assert found == [Received(1, b"hello"), Received(1, b"", ended=True), Received(3, b"x" * 100, ended=True)]


def test_data_above_a_frames_size_is_cut_and_ends_once() -> None:
    sender, receiver = SpdyConnection(), SpdyConnection()
    sender.send(1, b"x" * (1 << 24), end=True)
    found = list(receiver.receive(sender.take()))
    assert [(len(each.data), each.ended) for each in found] == [((1 << 24) - 1, False), (1, True)]


def test_a_ping_is_answered_and_unknown_frames_are_passed_over() -> None:
    connection = SpdyConnection()
    ping = struct.pack(">HHII", 0x8003, 6, 4, 77)
    settings = struct.pack(">HHI", 0x8003, 4, 4) + b"\0\0\0\0"
    assert list(connection.receive(settings + ping)) == []
    assert connection.take() == ping


def test_a_reset_ends_its_stream_and_goaway_the_connection() -> None:
    connection = SpdyConnection()
    reset = struct.pack(">HHIII", 0x8003, 3, 8, 5, 1)
    goaway = struct.pack(">HHIII", 0x8003, 7, 8, 0, 0)
    assert list(connection.receive(reset + goaway)) == [Received(5, ended=True), Received(0, ended=True)]

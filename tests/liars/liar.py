#!/usr/bin/env python3
"""A small IRC server that breaks its word in one chosen way, and writes down each time it does.

It shares no code with the program that has to find it out. It listens on a loopback port of the
system's choice, prints `listening PORT`, and serves until it is killed.
"""

import argparse
import asyncio
import json
import socket
import struct
import time

MODES = (
    "honest",
    "black_hole",
    "deaf",
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "late",
    "wrong_channel",
    "wrong_source",
    "corrupt",
    "truncate",
    "stop_reading",
    "freeze",
    "close_random",
    "hide_quit",
    "hide_join",
    "no_register",
    "rst",
    "dribble",
    "babble",
    "endless",
)

# Bytes of a piece, when lines come in pieces.
PIECE_BYTES = 7
# Lines of a babble, and bytes of a line that does not end.
BABBLE_LINES = 1_000
ENDLESS_BYTES = 40_000

# Shortest text that is changed or moved: a shorter one carries too little to be told from another.
TEXT_BYTES_MIN = 12
# How long a message is held back for the next of its sender to overtake it, in seconds.
HOLD_SECONDS = 1.0
# The server's name.
NAME = b"liar.test"


class Server:
    """The network of one server: clients by nick, channels by name, and the lie."""

    def __init__(self, options):
        self.options = options
        self.clients = {}
        self.connections = set()
        self.channels = {}
        self.log = open(options.log, "w", encoding="ascii") if options.log else None
        self.began = None
        self.eligible_count = 0
        self.late_channel = None
        self.held = {}
        self.is_deaf_to_all = False
        self.accepted_count = 0

    def begin(self):
        """Notes the first registration: the lie's time is counted from it."""
        if self.began is not None:
            return
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        if self.options.lie == "stop_reading":
            loop.call_later(self.options.after, self.stop_reading)
        if self.options.lie == "freeze":
            loop.call_later(self.options.after, self.freeze)

    def may_lie(self):
        """Returns whether the time for lies has come."""
        loop = asyncio.get_running_loop()
        return self.began is not None and loop.time() >= self.began + self.options.after

    def is_turn(self):
        """Counts a line that can carry the lie; returns whether this one does."""
        if not self.may_lie():
            return False
        self.eligible_count += 1
        return self.eligible_count % self.options.every == 0

    def note(self, kind, receiver, line):
        """Writes down a lie: its kind, whom it was told to, the line as it should have been. Registrations are written down too."""
        if self.log:
            entry = {"kind": kind, "receiver": receiver, "line": line.decode("latin-1")}
            self.log.write(json.dumps(entry) + "\n")
            self.log.flush()

    def stop_reading(self):
        """Reads nothing any more, from anybody."""
        self.is_deaf_to_all = True
        for connection in list(self.connections):
            connection.transport.pause_reading()
        self.note("stop_reading", "", b"")

    def freeze(self):
        """Does nothing at all for a while, or for good."""
        self.note("freeze", "", b"")
        time.sleep(self.options.lasts or 100_000)

    def fellows(self, client):
        """Returns those who share a channel with the client, itself apart."""
        found = {}
        for channel in client.channels:
            for member in self.channels[channel]:
                found[member] = True
        found.pop(client, None)
        return list(found)

    def relay_presence(self, receivers, line, hidden_by):
        """Relays a JOIN, PART, QUIT, NICK or KICK."""
        for receiver in receivers:
            if self.options.lie == hidden_by and self.is_turn():
                self.note(hidden_by, receiver.nick, line)
            else:
                receiver.send(line)

    def relay_message(self, sender, receiver, command, target, text):
        """Relays a PRIVMSG or NOTICE to one receiver, honestly or not."""
        lie = self.options.lie
        line = b":%s %s %s :%s" % (sender.source(), command, target, text)
        sender.check_length(line)
        is_channel = target.startswith(b"#")
        is_long = len(text) >= TEXT_BYTES_MIN and not text.startswith(b"\x01")
        if lie == "black_hole" and self.is_turn():
            pass
        elif lie == "deaf" and is_channel and self.is_deaf(receiver, target) and self.may_lie():
            pass
        elif lie == "drop" and self.is_turn():
            pass
        elif lie == "duplicate" and self.is_turn():
            receiver.send(line)
            receiver.send(line)
        elif lie == "reorder":
            self.reorder(sender, receiver, target, line)
            return
        elif lie == "delay" and is_channel and self.is_late_channel(target) and self.may_lie():
            self.send_later(receiver, line)
        elif lie == "late" and self.is_turn():
            self.send_later(receiver, line)
        elif lie == "wrong_channel" and is_channel and is_long and self.other_channel(receiver, target) and self.is_turn():
            other = self.other_channel(receiver, target)
            receiver.send(b":%s %s %s :%s" % (sender.source(), command, other, text))
        elif lie == "wrong_source" and is_channel and is_long and self.other_member(sender, receiver, target) and self.is_turn():
            other = self.other_member(sender, receiver, target)
            receiver.send(b":%s %s %s :%s" % (other.source(), command, target, text))
        elif lie == "corrupt" and is_long and self.is_turn():
            changed = b"&" if text[-2:-1] == b"%" else b"%"
            receiver.send(line[:-2] + changed + line[-1:])
        elif lie == "truncate" and is_long and self.is_turn():
            receiver.send(line[:-1])
        elif lie == "endless" and self.is_turn():
            receiver.send(line)
            receiver.transport.write(b":" + NAME + b" NOTICE * :" + b"x" * ENDLESS_BYTES)
        elif lie == "close_random" and self.is_turn():
            receiver.send(line)
            self.note("close_random", receiver.nick, b"")
            receiver.transport.close()
            receiver.leave(b"Connection closed")
            return
        else:
            receiver.send(line)
            return
        self.note(lie, receiver.nick, line)

    def reorder(self, sender, receiver, target, line):
        """Holds a message back until the next of the same sender to the same target has gone before it."""
        key = (sender, receiver, target)
        if key in self.held:
            held, timer = self.held.pop(key)
            timer.cancel()
            receiver.send(line)
            receiver.send(held)
            self.note("reorder", receiver.nick, held)
        elif self.is_turn():
            loop = asyncio.get_running_loop()
            self.held[key] = (line, loop.call_later(HOLD_SECONDS, self.release, key))
        else:
            receiver.send(line)

    def release(self, key):
        """Sends what nothing overtook: it was no lie after all."""
        held, _ = self.held.pop(key)
        key[1].send(held)

    def send_later(self, receiver, line):
        """Sends a line `delay` seconds from now."""
        asyncio.get_running_loop().call_later(self.options.delay, receiver.send, line)

    def is_late_channel(self, channel):
        """Returns whether it is the one channel that is late: the first spoken in when lies begin."""
        if self.late_channel is None and self.may_lie():
            self.late_channel = channel
        return self.late_channel == channel

    def is_deaf(self, receiver, channel):
        """Returns whether it is the one member of the channel that is told nothing: the second."""
        members = self.channels[channel]
        return len(members) > 1 and members[1] is receiver

    def other_channel(self, receiver, channel):
        """Returns another channel of the receiver's, if it has one."""
        others = [name for name in receiver.channels if name != channel]
        return others[0] if others else None

    def other_member(self, sender, receiver, channel):
        """Returns a member who is neither, if there is one."""
        members = self.channels[channel]
        return next((one for one in members if one not in (sender, receiver)), None)


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, server):
        self.server = server
        self.transport = None
        self.pending = b""
        self.nick = ""
        self.user = b""
        self.host = b""
        self.is_registered = False
        self.channels = []
        self.is_gone = False
        self.is_spared = False
        self.pieces = bytearray()

    def connection_made(self, transport):
        self.transport = transport
        self.host = transport.get_extra_info("peername")[0].encode()
        self.server.connections.add(self)
        self.server.accepted_count += 1
        self.is_spared = self.server.accepted_count <= self.server.options.spare
        if self.server.options.lie == "rst" and not self.is_spared:
            self.server.note("rst", "", b"")
            # A close that lingers for no time is a reset.
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        elif self.server.is_deaf_to_all:
            transport.pause_reading()

    def connection_lost(self, _error):
        self.server.connections.discard(self)
        self.leave(b"Connection closed")

    def data_received(self, data):
        self.pending += data
        *lines, self.pending = self.pending.split(b"\n")
        for line in lines:
            if not self.is_gone:
                self.handle_line(line.rstrip(b"\r"))

    def send(self, line):
        if not self.is_gone and not self.transport.is_closing():
            time = self.server.options.server_time
            tags = b"@time=%s " % time.encode() if time else b""
            self.put(tags + line + b"\r\n")

    def put(self, data):
        """Writes whole lines, or has them come in pieces that end anywhere."""
        if self.server.options.lie != "dribble":
            self.transport.write(data)
            return
        is_idle = not self.pieces
        self.pieces += data
        if is_idle:
            asyncio.get_running_loop().call_soon(self.dribble)

    def dribble(self):
        if self.is_gone or self.transport.is_closing():
            return
        self.transport.write(bytes(self.pieces[:PIECE_BYTES]))
        del self.pieces[:PIECE_BYTES]
        if self.pieces:
            asyncio.get_running_loop().call_soon(self.dribble)

    def reply(self, number, *rest):
        nick = self.nick.encode("latin-1") or b"*"
        self.send(b" ".join((b":" + NAME, number, nick, *rest)))

    def source(self):
        return b"%s!%s@%s" % (self.nick.encode("latin-1"), self.user, self.host)

    def check_length(self, line):
        """Writes down a line to be relayed that is longer, its ending included, than the server said it may be."""
        if len(line) + 2 > self.server.options.line_bytes:
            self.server.note("too_long", self.nick, line)

    def handle_line(self, line):
        if self.server.options.lie == "no_register" and not self.is_spared:
            return
        head, colon, tail = line.partition(b" :")
        words = head.split()
        if not words:
            return
        params = words[1:] + ([tail] if colon else [])
        name = words[0].decode("latin-1").upper()
        handler = getattr(self, "handle_" + name.lower(), None)
        needs = {"PING": 0, "QUIT": 0, "USER": 4, "PRIVMSG": 2, "NOTICE": 2, "KICK": 2}.get(name, 1)
        if handler is None:
            self.reply(b"421", words[0], b":Unknown command")
        elif len(params) < needs:
            self.reply(b"461", words[0], b":Not enough parameters")
        elif self.is_registered or name in ("NICK", "USER", "PING", "QUIT"):
            handler(params)
        else:
            self.reply(b"451", b":Register first")

    def handle_nick(self, params):
        nick = params[0].decode("latin-1")
        other = self.server.clients.get(nick.lower())
        if other is not None and other is not self:
            self.reply(b"433", params[0], b":Nickname is already in use")
            return
        if self.is_registered:
            line = b":%s NICK :%s" % (self.source(), params[0])
            receivers = self.server.fellows(self)
            del self.server.clients[self.nick.lower()]
            self.nick = nick
            self.server.clients[nick.lower()] = self
            self.send(line)
            self.server.relay_presence(receivers, line, "hide_nick")
            return
        self.nick = nick
        self.register()

    def handle_user(self, params):
        self.user = params[0]
        self.register()

    def register(self):
        if self.is_registered or not self.nick or not self.user:
            return
        self.is_registered = True
        self.server.clients[self.nick.lower()] = self
        network = self.server.options.network.encode()
        self.reply(b"001", b":Welcome")
        self.reply(
            b"005",
            b"NETWORK=" + network,
            b"CASEMAPPING=ascii CHANTYPES=# PREFIX=(ov)@+ NICKLEN=30 CHANLIMIT=#:",
            b"LINELEN=%d" % self.server.options.line_bytes,
            b":are supported by this server",
        )
        self.reply(b"422", b":No message of the day")
        self.server.note("registered", self.nick, b"")
        self.server.begin()

    def handle_ping(self, params):
        self.send(b":%s PONG %s :%s" % (NAME, NAME, params[0] if params else NAME))

    def handle_pong(self, _params):
        pass

    def handle_join(self, params):
        for channel in params[0].split(b","):
            if channel in self.channels or not channel.startswith(b"#"):
                continue
            members = self.server.channels.setdefault(channel, [])
            line = b":%s JOIN %s" % (self.source(), channel)
            self.send(line)
            receivers = list(members)
            members.append(self)
            self.channels.append(channel)
            self.server.relay_presence(receivers, line, "hide_join")
            names = b" ".join(
                (b"@" if member is members[0] else b"") + member.nick.encode("latin-1")
                for member in members
            )
            # As some servers do: to `*` instead of the nick.
            self.send(b":%s 353 * = %s :%s" % (NAME, channel, names))
            if self.server.options.lie == "babble" and len(self.channels) == 1:
                self.server.note("babble", self.nick, channel)
                for number in range(BABBLE_LINES):
                    self.reply(b"%03d" % (200 + number % 200), channel, b"%d" % number, b":so it goes")
            self.reply(b"366", channel, b":End of names")

    def handle_part(self, params):
        for channel in params[0].split(b","):
            if channel not in self.channels:
                self.reply(b"442", channel, b":You are not there")
                continue
            line = b":%s PART %s" % (self.source(), channel)
            receivers = [one for one in self.server.channels[channel] if one is not self]
            self.send(line)
            self.forget(channel)
            self.server.relay_presence(receivers, line, "hide_part")

    def handle_kick(self, params):
        channel = params[0]
        victim = self.server.clients.get(params[1].decode("latin-1").lower())
        if channel not in self.channels:
            self.reply(b"442", channel, b":You are not there")
        elif self.server.channels[channel][0] is not self:
            self.reply(b"482", channel, b":You are no operator")
        elif victim is None or channel not in victim.channels:
            self.reply(b"441", params[1], channel, b":They are not there")
        else:
            line = b":%s KICK %s %s :%s" % (self.source(), channel, params[1], params[-1])
            receivers = list(self.server.channels[channel])
            victim.forget(channel)
            for receiver in receivers:
                receiver.send(line)

    def handle_mode(self, params):
        target = params[0]
        if not target.startswith(b"#"):
            self.reply(b"221", b"+i")
        elif len(params) == 1:
            self.reply(b"324", target, b"+nt")
        elif target not in self.channels or self.server.channels[target][0] is not self:
            self.reply(b"482", target, b":You are no operator")
        else:
            line = b":%s MODE %s %s" % (self.source(), target, b" ".join(params[1:]))
            for receiver in self.server.channels[target]:
                receiver.send(line)

    def handle_topic(self, params):
        channel = params[0]
        if channel not in self.channels:
            self.reply(b"442", channel, b":You are not there")
            return
        for receiver in self.server.channels[channel]:
            receiver.send(b":%s TOPIC %s :%s" % (self.source(), channel, params[-1]))

    def handle_who(self, params):
        self.reply(b"315", params[0], b":End of who")

    def handle_names(self, params):
        self.reply(b"366", params[0], b":End of names")

    def handle_privmsg(self, params):
        self.say(b"PRIVMSG", params[0], params[1])

    def handle_notice(self, params):
        self.say(b"NOTICE", params[0], params[1])

    def say(self, command, target, text):
        if target.startswith(b"#"):
            if target not in self.channels:
                self.reply(b"404", target, b":Cannot send to channel")
                return
            for receiver in list(self.server.channels[target]):
                if receiver is not self:
                    self.server.relay_message(self, receiver, command, target, text)
            return
        receiver = self.server.clients.get(target.decode("latin-1").lower())
        if receiver is None:
            self.reply(b"401", target, b":No such nick")
        else:
            self.server.relay_message(self, receiver, command, target, text)

    def handle_quit(self, params):
        self.send(b"ERROR :Closing link: " + self.host)
        self.leave(b"Quit: " + (params[0] if params else b""))
        self.transport.close()

    def forget(self, channel):
        members = self.server.channels[channel]
        members.remove(self)
        if not members:
            del self.server.channels[channel]
        self.channels.remove(channel)

    def leave(self, reason):
        """Takes the client off the network and tells its fellows."""
        if self.is_gone:
            return
        self.is_gone = True
        receivers = self.server.fellows(self)
        for channel in list(self.channels):
            self.forget(channel)
        if self.is_registered and self.server.clients.get(self.nick.lower()) is self:
            del self.server.clients[self.nick.lower()]
            line = b":%s QUIT :%s" % (self.source(), reason)
            self.server.relay_presence(receivers, line, "hide_quit")


async def serve(options):
    server = Server(options)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Client(server), "127.0.0.1", 0, backlog=1024)
    print("listening", listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lie", choices=MODES, default="honest", help="how it breaks its word")
    parser.add_argument("--every", type=int, default=1, help="of the lines that can carry the lie, every how many-th does")
    parser.add_argument("--after", type=float, default=0.0, help="seconds from the first registration to the first lie")
    parser.add_argument("--delay", type=float, default=3.0, help="seconds that delayed and late messages are held")
    parser.add_argument("--lasts", type=float, default=0.0, help="seconds of a freeze; 0 for good")
    parser.add_argument("--spare", type=int, default=0, help="connections that are served before no_register and rst begin")
    parser.add_argument("--server-time", default="", help="the time that every line bears")
    parser.add_argument("--line-bytes", type=int, default=512, help="longest line, its ending included")
    parser.add_argument("--network", default="LiarNet", help="the NETWORK of its 005")
    parser.add_argument("--log", help="file for the lies told, one JSON object a line")
    asyncio.run(serve(parser.parse_args()))


main()

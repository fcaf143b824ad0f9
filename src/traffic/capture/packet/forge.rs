//! Capture files made by hand, for tests.

/// Flags of TCP.
pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const ACK: u8 = 16;

/// When the first packet of a file is captured, in seconds since 1970.
pub(super) const START_SECS: u32 = 1_700_000_000;

/// One connection, as its packets are made.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    client_port: u16,
    server_port: u16,
    is_v6: bool,
    pub(super) up: u32,
    pub(super) down: u32,
}

impl Talk {
    /// Returns a connection of a client with this port.
    pub(super) fn new(client_port: u16) -> Self {
        Self {
            client_port,
            server_port: 6_667,
            is_v6: false,
            // Numbers wrap early.
            up: u32::MAX - 20,
            down: 7,
        }
    }

    pub(super) fn at_port(mut self, port: u16) -> Self {
        self.server_port = port;
        self
    }

    pub(super) fn over_v6(mut self) -> Self {
        self.is_v6 = true;
        self
    }

    /// Returns the two packets that open it.
    pub(super) fn open(&mut self) -> Vec<Vec<u8>> {
        let packets = vec![
            self.packet(true, self.up, SYN, b""),
            self.packet(false, self.down, SYN | ACK, b""),
        ];
        self.up = self.up.wrapping_add(1);
        self.down = self.down.wrapping_add(1);
        packets
    }

    /// Returns a packet that the client sends.
    pub(super) fn up(&mut self, text: &str) -> Vec<u8> {
        let sequence = self.up;
        self.up = self.up.wrapping_add(u32::try_from(text.len()).unwrap());
        self.packet(true, sequence, ACK, text.as_bytes())
    }

    /// Returns a packet that the server sends.
    pub(super) fn down(&mut self, text: &str) -> Vec<u8> {
        let sequence = self.down;
        self.down = self.down.wrapping_add(u32::try_from(text.len()).unwrap());
        self.packet(false, sequence, ACK, text.as_bytes())
    }

    /// Returns the two packets that end it.
    pub(super) fn close(&mut self) -> Vec<Vec<u8>> {
        vec![
            self.packet(true, self.up, FIN | ACK, b""),
            self.packet(false, self.down, FIN | ACK, b""),
        ]
    }

    /// Returns an IP packet.
    pub(super) fn packet(&self, is_up: bool, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let (from, to) = if is_up {
            (self.client_port, self.server_port)
        } else {
            (self.server_port, self.client_port)
        };
        let acknowledged = if is_up { self.down } else { self.up };
        let mut tcp = Vec::new();
        tcp.extend(from.to_be_bytes());
        tcp.extend(to.to_be_bytes());
        tcp.extend(sequence.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([5 << 4, flags, 1, 0, 0, 0, 0, 0]);
        tcp.extend(payload);
        let (client, server) = (1, 2);
        let (from, to) = if is_up {
            (client, server)
        } else {
            (server, client)
        };
        let length = u16::try_from(tcp.len()).unwrap();
        let mut ip = Vec::new();
        if self.is_v6 {
            ip.extend([6 << 4, 0, 0, 0]);
            ip.extend(length.to_be_bytes());
            ip.extend([6, 64]);
            for last in [from, to] {
                ip.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
            }
        } else {
            ip.extend([4 << 4 | 5, 0]);
            ip.extend((length + 20).to_be_bytes());
            ip.extend([0, 0, 0, 0, 64, 6, 0, 0]);
            ip.extend([192, 0, 2, from, 192, 0, 2, to]);
        }
        ip.extend(tcp);
        ip
    }
}

/// Returns an IP packet in a frame of Ethernet, with these VLAN tags.
pub(super) fn ethernet(ip: &[u8], tags: &[u16]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    for tag in tags {
        frame.extend(0x8100_u16.to_be_bytes());
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(kind(ip));
    frame.extend(ip);
    // Short frames are padded.
    frame.resize(frame.len().max(60), 0);
    frame
}

/// Returns an IP packet as the Linux "any" interface has it, versions 1 and 2.
pub(super) fn cooked(ip: &[u8], version: u8) -> Vec<u8> {
    let mut frame = Vec::new();
    if version == 1 {
        frame.resize(14, 0);
        frame.extend(kind(ip));
    } else {
        frame.extend(kind(ip));
        frame.resize(20, 0);
    }
    frame.extend(ip);
    frame
}

/// Returns an IP packet as the BSD loopback has it.
pub(super) fn loopback(ip: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0];
    frame.extend(ip);
    frame
}

fn kind(ip: &[u8]) -> [u8; 2] {
    if ip[0] >> 4 == 6 {
        [0x86, 0xdd]
    } else {
        [8, 0]
    }
}

/// Returns a pcap file of packets, a second apart.
pub(super) fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = pcap_header(0xa1b2_c3d4, link);
    for (number, packet) in packets.iter().enumerate() {
        let secs = START_SECS + u32::try_from(number).unwrap();
        file.extend(pcap_record(secs, 0, packet));
    }
    file
}

/// Returns the header of a pcap file.
pub(super) fn pcap_header(magic: u32, link: u32) -> Vec<u8> {
    let mut file = magic.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
    file.extend(link.to_le_bytes());
    file
}

/// Returns a record of a pcap file.
pub(super) fn pcap_record(secs: u32, fraction: u32, packet: &[u8]) -> Vec<u8> {
    let length = u32::try_from(packet.len()).unwrap();
    let mut record = Vec::new();
    for number in [secs, fraction, length, length] {
        record.extend(number.to_le_bytes());
    }
    record.extend(packet);
    record
}

/// Returns a block of pcapng.
pub(super) fn pcapng_block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32::try_from(body.len() + 12).unwrap();
    let mut block = kind.to_le_bytes().to_vec();
    block.extend(length.to_le_bytes());
    block.extend(body);
    block.extend(length.to_le_bytes());
    block
}

/// Returns the section header of a pcapng file and one interface, its times in units told by `resolution`.
pub(super) fn pcapng_header(link: u16, resolution: u8) -> Vec<u8> {
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xff; 8]);
    let mut interface = link.to_le_bytes().to_vec();
    interface.extend([0, 0, 0, 0, 4, 0]);
    interface.extend([9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0]);
    let mut file = pcapng_block(0x0a0d_0d0a, &section);
    file.extend(pcapng_block(1, &interface));
    file
}

/// Returns a packet of a pcapng file.
pub(super) fn pcapng_packet(units: u64, packet: &[u8]) -> Vec<u8> {
    let length = u32::try_from(packet.len()).unwrap();
    let (high, low) = ((units >> 32) as u32, (units & 0xffff_ffff) as u32);
    let mut body = Vec::new();
    for number in [0, high, low, length, length] {
        body.extend(number.to_le_bytes());
    }
    body.extend(packet);
    pcapng_block(6, &body)
}

//! The people of the virtual storms.

/// Two dozen people in eight channels, as scenario files say it, with what they do by themselves and how they come.
pub(crate) const CROWD: &str = r#"
settle = "5s"
[population]
users = 24
channels = 8
members_per_channel = 8
private_share = 0.1
[client]
ping_every = "10s"
[reconnect]
first = "200ms"
longest = "2s"
[phase.ramp]
kind = "ramp"
rate = "12/s"
"#;

//! The formats of logs: one file each, and what is common to all.

use std::fmt;
use std::str::FromStr;

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::format::colabti::Colabti;
use crate::traffic::capture::format::eggdrop::Eggdrop;
use crate::traffic::capture::format::energymech::EnergyMech;
use crate::traffic::capture::format::hexchat::HexChat;
use crate::traffic::capture::format::irssi::Irssi;
use crate::traffic::capture::format::json::Json;
use crate::traffic::capture::format::limnoria::Limnoria;
use crate::traffic::capture::format::mirc::Mirc;
use crate::traffic::capture::format::mirc_html::MircHtml;
use crate::traffic::capture::format::pircbot::PircBot;
use crate::traffic::capture::format::raw::Raw;
use crate::traffic::capture::format::ubuntu::Ubuntu;
use crate::traffic::capture::format::unix_time::UnixTime;
use crate::traffic::capture::format::weechat::WeeChat;
use crate::traffic::capture::format::znc::Znc;

mod colabti;
mod eggdrop;
mod energymech;
mod hexchat;
mod irssi;
mod json;
mod limnoria;
mod markup;
mod mirc;
mod mirc_html;
mod phrase;
mod pircbot;
mod raw;
mod stamp;
mod ubuntu;
mod unix_time;
mod weechat;
mod znc;

#[cfg(test)]
mod check;

/// A format of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Logs of ZNC's log module.
    Znc,
    /// Channel logs of the bot eggdrop.
    Eggdrop,
    /// Logs of the client irssi.
    Irssi,
    /// Logs of the client `WeeChat`.
    WeeChat,
    /// Logs of the clients `HexChat` and `XChat`.
    HexChat,
    /// Logs of the client mIRC.
    Mirc,
    /// Logs of the client mIRC in a page.
    MircHtml,
    /// Logs of the bot Limnoria, and what irclog2html reads.
    Limnoria,
    /// Logs of bots built on `PircBot`.
    PircBot,
    /// Text logs as of colabti.org.
    Colabti,
    /// Text logs as of irclogs.ubuntu.com.
    Ubuntu,
    /// Logs of the bot `EnergyMech`.
    EnergyMech,
    /// Objects of JSON, one a line.
    Json,
    /// A Unix time, a nick and a text, one a line.
    UnixTime,
    /// Lines of the protocol with times.
    Raw,
}

impl Format {
    /// Every format. Where two read a log equally well, the first one counts.
    pub const ALL: [Self; 15] = [
        Self::Znc,
        Self::Eggdrop,
        Self::Irssi,
        Self::WeeChat,
        Self::HexChat,
        Self::Mirc,
        Self::MircHtml,
        Self::Limnoria,
        Self::PircBot,
        Self::Colabti,
        Self::Ubuntu,
        Self::EnergyMech,
        Self::Json,
        Self::UnixTime,
        Self::Raw,
    ];

    /// Returns the word for the format on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Znc => "znc",
            Self::Eggdrop => "eggdrop",
            Self::Irssi => "irssi",
            Self::WeeChat => "weechat",
            Self::HexChat => "hexchat",
            Self::Mirc => "mirc",
            Self::MircHtml => "mirc-html",
            Self::Limnoria => "limnoria",
            Self::PircBot => "pircbot",
            Self::Colabti => "colabti",
            Self::Ubuntu => "ubuntu",
            Self::EnergyMech => "energymech",
            Self::Json => "json",
            Self::UnixTime => "unix-time",
            Self::Raw => "raw",
        }
    }

    /// Returns whether every line tells its channel.
    pub(crate) fn tells_channel(self) -> bool {
        matches!(self, Self::Raw)
    }

    /// Returns whether its lines tell nothing of the day: the path or the user must.
    pub(crate) fn needs_day(self) -> bool {
        match self {
            Self::Znc
            | Self::Eggdrop
            | Self::PircBot
            | Self::Colabti
            | Self::Ubuntu
            | Self::EnergyMech => true,
            Self::Irssi
            | Self::WeeChat
            | Self::HexChat
            | Self::Mirc
            | Self::MircHtml
            | Self::Limnoria
            | Self::Json
            | Self::UnixTime
            | Self::Raw => false,
        }
    }

    /// Returns whether its times are of no zone: they count since 1970 or name UTC.
    pub(crate) fn is_zoned(self) -> bool {
        matches!(self, Self::Json | Self::UnixTime | Self::Raw)
    }

    /// Returns whether logs are pages, around whose lines anything may stand.
    pub(crate) fn is_page(self) -> bool {
        matches!(self, Self::MircHtml)
    }

    /// Returns a reader of this format at the beginning of a log.
    pub(crate) fn reader(self) -> Box<dyn LogFormat> {
        match self {
            Self::Znc => Box::new(Znc),
            Self::Eggdrop => Box::new(Eggdrop),
            Self::Irssi => Box::new(Irssi),
            Self::WeeChat => Box::new(WeeChat),
            Self::HexChat => Box::new(HexChat::default()),
            Self::Mirc => Box::new(Mirc::default()),
            Self::MircHtml => Box::new(MircHtml::default()),
            Self::Limnoria => Box::new(Limnoria),
            Self::PircBot => Box::new(PircBot::default()),
            Self::Colabti => Box::new(Colabti),
            Self::Ubuntu => Box::new(Ubuntu),
            Self::EnergyMech => Box::new(EnergyMech),
            Self::Json => Box::new(Json),
            Self::UnixTime => Box::new(UnixTime::default()),
            Self::Raw => Box::new(Raw::default()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or(())
    }
}

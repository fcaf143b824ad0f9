//! Values of scenario files: text to what was meant, or what was expected and how to write it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::scenario::WeekSecond;
use crate::scenario::accounts::LoginWay;
use crate::scenario::bouncer::BouncerKind;
use crate::scenario::phase::CurvePoint;
use crate::scenario::phase::Cut;
use crate::scenario::phase::Heal;
use crate::scenario::phase::ReadBy;
use crate::scenario::phase::RestartOf;
use crate::scenario::phase::SplitBy;
use crate::units::rate::Rate;

/// What a value should have been, and how to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) what: &'static str,
    pub(crate) help: &'static str,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Longest duration accepted: a year. Beyond it nobody waits, and sums stay far from overflow.
const DURATION_MAX: Duration = Duration::from_hours(8784);

pub(crate) fn text(value: &str) -> Result<String, Expected> {
    if value.is_empty() {
        return Err(Expected {
            what: "a text",
            help: "write something between the quotes",
        });
    }
    Ok(value.to_owned())
}

pub(crate) fn boolean(value: &str) -> Result<bool, Expected> {
    value.parse().map_err(|_| Expected {
        what: "true or false",
        help: "write true or false, without quotes",
    })
}

pub(crate) fn count(value: &str) -> Result<u32, Expected> {
    match value.replace('_', "").parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Expected {
            what: "a whole number above zero",
            help: "write digits alone, such as `1000`",
        }),
    }
}

pub(crate) fn samples(value: &str) -> Result<u64, Expected> {
    value.replace('_', "").parse().map_err(|_| Expected {
        what: "a whole number",
        help: "write digits alone, such as `1000`",
    })
}

pub(crate) fn address_bits(value: &str) -> Result<u8, Expected> {
    value
        .parse()
        .ok()
        .filter(|bits| (0..=128).contains(bits))
        .ok_or(Expected {
            what: "a number of bits of an IPv6 address",
            help: "write a number from 0 to 128, such as `64`",
        })
}

pub(crate) fn positive(value: &str) -> Result<f64, Expected> {
    match value.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err(Expected {
            what: "a number above zero",
            help: "write a number, such as `1.5`",
        }),
    }
}

pub(crate) fn spread(value: &str) -> Result<f64, Expected> {
    match value.parse::<f64>() {
        Ok(number) if (0.0..=3.0).contains(&number) => Ok(number),
        _ => Err(Expected {
            what: "a number from 0 to 3",
            help: "write how far a logarithm scatters: `0.3` for about a third more or less",
        }),
    }
}

pub(crate) fn share(value: &str) -> Result<f64, Expected> {
    let number = match value.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => value.trim().parse::<f64>(),
    };
    match number {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err(Expected {
            what: "a share",
            help: "write a number from 0 to 1, such as `0.3`, or a percentage, such as \"30%\"",
        }),
    }
}

pub(crate) fn rate(value: &str) -> Result<Rate, Expected> {
    value.parse().map_err(|()| Expected {
        what: "a rate",
        help: "write events per second, such as \"12/s\" (or /min, /h)",
    })
}

pub(crate) fn duration(value: &str) -> Result<Duration, Expected> {
    let expected = Expected {
        what: "a duration",
        help: "write a number with its unit, such as \"250ms\", \"15s\", \"10min\" or \"2h\"",
    };
    let value = value.trim();
    let unit_at = value
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or(expected)?;
    let (number, unit) = value.split_at(unit_at);
    let number: f64 = number.trim().parse().map_err(|_| expected)?;
    let unit_secs = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(expected),
    };
    let duration = Duration::try_from_secs_f64(number * unit_secs).map_err(|_| expected)?;
    if duration > DURATION_MAX {
        Err(expected)
    } else {
        Ok(duration)
    }
}

/// Shortest time for settling: shards tell each other once a second what they must know of a message.
const SETTLE_MIN: Duration = Duration::from_secs(2);

pub(crate) fn settle(value: &str) -> Result<Duration, Expected> {
    duration(value)
        .ok()
        .filter(|settle| *settle >= SETTLE_MIN)
        .ok_or(Expected {
            what: "a duration of two seconds or more",
            help: "write \"10s\"; a delivery is judged no sooner",
        })
}

pub(crate) fn week_second(value: &str) -> Result<WeekSecond, Expected> {
    let expected = Expected {
        what: "a moment of the week",
        help: "write a weekday and an hour in UTC, such as \"Tue 20:00\"",
    };
    let (day, time) = value.trim().split_once(' ').ok_or(expected)?;
    let day = day.to_ascii_lowercase();
    let day = DAYS
        .iter()
        .position(|name| day.starts_with(name))
        .ok_or(expected)?;
    let (hour, minute) = time.trim().split_once(':').ok_or(expected)?;
    let hour: u32 = hour.parse().map_err(|_| expected)?;
    let minute: u32 = minute.parse().map_err(|_| expected)?;
    let day = u32::try_from(day).map_err(|_| expected)?;
    if hour > 23 || minute > 59 {
        return Err(expected);
    }
    Ok(WeekSecond((day * 24 + hour) * 3_600 + minute * 60))
}

/// Returns the text that `week_second` reads as that moment.
pub(crate) fn week_second_text(moment: WeekSecond) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let hour = moment.0 / 3_600;
    format!(
        "{} {:02}:{:02}",
        NAMES[(hour / 24 % 7) as usize],
        hour % 24,
        moment.0 / 60 % 60
    )
}

pub(crate) fn login_way(value: &str) -> Result<LoginWay, Expected> {
    let found = LoginWay::ALL.into_iter().find(|way| way.name() == value);
    found.ok_or(Expected {
        what: "\"PLAIN\", \"EXTERNAL\", \"SCRAM-SHA-256\" or \"NickServ\"",
        help: "the first three are SASL's, before the registration ends; NickServ is told after it",
    })
}

pub(crate) fn address(value: &str) -> Result<SocketAddr, Expected> {
    let read = value.parse::<SocketAddr>().ok();
    read.filter(|address| address.ip().is_loopback())
        .ok_or(Expected {
            what: "an address of this machine and a port",
            help: "such as \"127.0.0.1:6667\"",
        })
}

pub(crate) fn bouncer_kind(value: &str) -> Result<BouncerKind, Expected> {
    let mut kinds = BouncerKind::ALL.into_iter();
    kinds.find(|kind| kind.name() == value).ok_or(Expected {
        what: "\"znc\", \"bip\" or \"soju\"",
        help: "such as kind = \"znc\"",
    })
}

pub(crate) fn restart_of(value: &str) -> Result<RestartOf, Expected> {
    let mut whats = RestartOf::ALL.into_iter();
    whats.find(|of| of.name() == value).ok_or(Expected {
        what: "\"target\" or \"network\"",
        help: "of = \"network\" takes down the networks behind a bouncer",
    })
}

pub(crate) fn read_by(value: &str) -> Result<ReadBy, Expected> {
    let mut ways = ReadBy::ALL.into_iter();
    ways.find(|by| by.name() == value).ok_or(Expected {
        what: "\"attach\" or \"pages\"",
        help: "attach: leave and come again to a ZNC that plays everything back; pages: ask a soju for page after page (CHATHISTORY)",
    })
}

pub(crate) fn split_by(value: &str) -> Result<SplitBy, Expected> {
    match value {
        "links" => Ok(SplitBy::Links),
        "clients" => Ok(SplitBy::Clients),
        _ => Err(Expected {
            what: "\"links\" or \"clients\"",
            help: "links: our own network's servers part; clients: the far users' connections break",
        }),
    }
}

pub(crate) fn cut(value: &str) -> Result<Cut, Expected> {
    let found = Cut::ALL.into_iter().find(|cut| cut.name() == value);
    found.ok_or(Expected {
        what: "\"fin\", \"rst\" or \"silent\"",
        help: "fin: our side is closed; rst: the connection is reset; silent: nobody is told",
    })
}

pub(crate) fn heal(value: &str) -> Result<Heal, Expected> {
    match value {
        "tick" => Ok(Heal::Tick),
        "paced" => Ok(Heal::Paced),
        _ => Err(Expected {
            what: "\"tick\" or \"paced\"",
            help: "tick: all come back in one moment; paced: as after the mass events of the profile's capture",
        }),
    }
}

pub(crate) fn curve_point(value: &str) -> Result<CurvePoint, Expected> {
    let expected = Expected {
        what: "a time and the share that has come by then",
        help: "write such as [\"30s 10%\", \"2min 100%\"]",
    };
    let (at, share) = value.trim().split_once(' ').ok_or(expected)?;
    match (duration(at), self::share(share)) {
        (Ok(at), Ok(share)) => Ok(CurvePoint { at, share }),
        _ => Err(expected),
    }
}

/// Returns the text that `curve_point` reads as that point.
pub(crate) fn curve_point_text(point: CurvePoint) -> String {
    format!("{} {:?}", duration_text(point.at), point.share)
}

/// Returns the text that `duration` reads as that duration.
pub(crate) fn duration_text(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros.is_multiple_of(1_000_000) {
        format!("{}s", micros / 1_000_000)
    } else if micros.is_multiple_of(1_000) {
        format!("{}ms", micros / 1_000)
    } else {
        format!("{micros}us")
    }
}

/// Returns a text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_their_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5 h"), Ok(Duration::from_mins(90)));
        for wrong in ["", "15", "s", "-1s", "1e99h", "1y", "∞s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_survive_being_written() {
        for micros in [1, 1_500, 250_000, 15_000_000, 3_600_000_000] {
            let want = Duration::from_micros(micros);
            assert_eq!(duration(&duration_text(want)), Ok(want));
        }
    }

    #[test]
    fn moments_of_the_week_count_from_monday() {
        assert_eq!(week_second("Mon 00:00"), Ok(WeekSecond(0)));
        assert_eq!(
            week_second("tuesday 20:30"),
            Ok(WeekSecond((24 + 20) * 3_600 + 1_800))
        );
        assert!(week_second("Tue 24:00").is_err());
        assert_eq!(
            week_second_text(WeekSecond((24 + 20) * 3_600 + 1_800)),
            "Tue 20:30"
        );
    }

    #[test]
    fn shares_are_fractions_or_percentages() {
        assert_eq!(share("30%"), Ok(0.3));
        assert_eq!(share("0.3"), Ok(0.3));
        assert!(share("1.1").is_err());
        assert!(share("NaN").is_err());
    }
}

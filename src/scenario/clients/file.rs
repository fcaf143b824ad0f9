//! The file of a client program's behaviour: TOML text to a [`Client`].

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeTable;

use crate::place::Misread;
use crate::scenario::clients::Basis;
use crate::scenario::clients::ChannelLine;
use crate::scenario::clients::Client;
use crate::scenario::clients::Connect;
use crate::scenario::clients::KnownCap;
use crate::scenario::clients::NickWhen;
use crate::scenario::clients::Order;
use crate::scenario::clients::Pace;
use crate::scenario::clients::Ping;
use crate::scenario::clients::Poll;
use crate::scenario::clients::Query;
use crate::scenario::clients::Requests;
use crate::scenario::clients::Retry;
use crate::scenario::clients::RetrySince;
use crate::scenario::clients::Typing;
use crate::scenario::clients::Welcome;
use crate::scenario::reader::Document;
use crate::scenario::reader::Table;
use crate::scenario::value;
use crate::scenario::value::Expected;

/// Where a channel's name goes in a line.
const CHANNEL: &str = "{channel}";
/// Longest lead of a typing notice: a run knows its messages two seconds ahead.
const LEAD_MAX: Duration = Duration::from_secs(2);
/// Most queries of a behaviour: their places are bytes, and no client asks a dozen.
const QUERY_COUNT_MAX: usize = 16;

/// Reads the behaviour of the program called `name`.
///
/// # Errors
///
/// Returns the first key or value that is not as it should be, with its place and what to write instead.
pub(crate) fn read(name: &str, text: &str) -> Result<Client, Misread> {
    let path = format!("{name}.toml");
    let overrides = BTreeMap::new();
    let document = Document::new(&path, text, &overrides).of_kind("client");
    let parsed = DeTable::parse(text).map_err(|error| document.syntax(&error))?;
    let mut root = document.root(parsed.get_ref());
    let basis = root.required("basis", basis)?;
    let source = root.required("source", value::text)?;
    let connect = connect(root.table("connect")?)?;
    let welcome = welcome(root.table("welcome")?)?;
    let pace = pace(root.table("pace")?)?;
    let queries = queries(root.tables("query")?)?;
    let poll = root.table_if_any("poll")?.map(poll).transpose()?;
    let ping = ping(root.table("ping")?)?;
    let typing = root.table_if_any("typing")?.map(typing).transpose()?;
    let retry = retry(root.table("reconnect")?)?;
    root.finish()?;
    Ok(Client {
        name: name.to_owned(),
        basis,
        source,
        connect,
        welcome,
        pace,
        queries,
        poll,
        ping,
        typing,
        retry,
    })
}

fn connect(mut table: Table<'_>) -> Result<Connect, Misread> {
    let capabilities = table.texts("capabilities")?.unwrap_or_default();
    let requests = table.required("requests", requests)?;
    let nick = table.required("nick", nick_when)?;
    let probe = table.optional("probe", value::text)?;
    table.finish()?;
    Ok(Connect {
        capabilities,
        requests,
        nick,
        probe,
    })
}

fn welcome(mut table: Table<'_>) -> Result<Welcome, Misread> {
    let after = table.required("after", value::duration)?;
    let user_mode = table.optional("user_mode", value::text)?;
    table.finish()?;
    Ok(Welcome { after, user_mode })
}

fn pace(mut table: Table<'_>) -> Result<Pace, Misread> {
    let every = table.required("every", value::duration)?;
    let burst = table.with_default("burst", 1, value::count)?;
    let order = table.required("order", order)?;
    table.finish()?;
    Ok(Pace {
        every,
        burst,
        order,
    })
}

fn queries(tables: Vec<Table<'_>>) -> Result<Vec<Query>, Misread> {
    if let Some(one_more) = tables.get(QUERY_COUNT_MAX) {
        return Err(Misread::new(
            format!("at most {QUERY_COUNT_MAX} queries, found {}", tables.len()),
            one_more.place().clone(),
        ));
    }
    tables
        .into_iter()
        .map(|mut table| {
            let query = query(&mut table)?;
            table.finish()?;
            Ok(query)
        })
        .collect()
}

fn query(table: &mut Table<'_>) -> Result<Query, Misread> {
    Ok(Query {
        line: table.required("send", channel_line)?,
        whox: table.optional("whox", value::text)?,
        members_max: table.optional("members_max", value::count)?,
        needs: table.optional("needs", known_cap)?,
    })
}

fn poll(mut table: Table<'_>) -> Result<Poll, Misread> {
    let query = query(&mut table)?;
    let every = table.required("every", value::duration)?;
    let unless = table.optional("unless", known_cap)?;
    table.finish()?;
    Ok(Poll {
        query,
        every,
        unless,
    })
}

fn ping(mut table: Table<'_>) -> Result<Ping, Misread> {
    let every = table.required("every", value::duration)?;
    let first = table.optional("first", value::duration)?;
    let quiet = table.with_default("quiet", Duration::ZERO, value::duration)?;
    let timeout = table.required("timeout", value::duration)?;
    table.finish()?;
    Ok(Ping {
        every,
        first,
        quiet,
        timeout,
    })
}

fn typing(mut table: Table<'_>) -> Result<Typing, Misread> {
    let lead = table.required("lead", lead)?;
    table.finish()?;
    Ok(Typing { lead })
}

fn retry(mut table: Table<'_>) -> Result<Retry, Misread> {
    let first = table.required("first", value::duration)?;
    let growth = table.with_default("growth", 1.0, growth)?;
    let longest = table.with_default("longest", first, value::duration)?;
    let is_spread = table.with_default("spread", false, value::boolean)?;
    let since = table.with_default("since", RetrySince::End, retry_since)?;
    table.finish()?;
    Ok(Retry {
        first,
        growth,
        longest,
        is_spread,
        since,
    })
}

fn basis(text: &str) -> Result<Basis, Expected> {
    match text {
        "recorded" => Ok(Basis::Recorded),
        "assumed" => Ok(Basis::Assumed),
        _ => Err(Expected {
            what: "\"recorded\" or \"assumed\"",
            help: "recorded: seen from the program itself; assumed: anything else",
        }),
    }
}

fn requests(text: &str) -> Result<Requests, Expected> {
    match text {
        "each" => Ok(Requests::Each),
        "together" => Ok(Requests::Together),
        _ => Err(Expected {
            what: "\"each\" or \"together\"",
            help: "each: a CAP REQ for each capability; together: one for all, and its answer awaited",
        }),
    }
}

fn nick_when(text: &str) -> Result<NickWhen, Expected> {
    match text {
        "at_once" => Ok(NickWhen::AtOnce),
        "after_caps" => Ok(NickWhen::AfterCaps),
        _ => Err(Expected {
            what: "\"at_once\" or \"after_caps\"",
            help: "at_once: NICK and USER with the first line; after_caps: behind CAP END",
        }),
    }
}

fn order(text: &str) -> Result<Order, Expected> {
    match text {
        "channels" => Ok(Order::Channels),
        "queries" => Ok(Order::Queries),
        _ => Err(Expected {
            what: "\"channels\" or \"queries\"",
            help: "channels: all about one channel, then the next; queries: the first about all channels, then the second",
        }),
    }
}

fn retry_since(text: &str) -> Result<RetrySince, Expected> {
    match text {
        "end" => Ok(RetrySince::End),
        "connect" => Ok(RetrySince::Connect),
        _ => Err(Expected {
            what: "\"end\" or \"connect\"",
            help: "end: a delay counts from the end of a connection; connect: from when it was begun",
        }),
    }
}

fn known_cap(text: &str) -> Result<KnownCap, Expected> {
    KnownCap::ALL
        .into_iter()
        .find(|cap| cap.name() == text)
        .ok_or(Expected {
            what: "a capability that a behaviour may depend on",
            help: "one of \"away-notify\", \"draft/chathistory\", \"message-tags\"",
        })
}

fn channel_line(text: &str) -> Result<ChannelLine, Expected> {
    let expected = Expected {
        what: "a line with {channel} in it",
        help: "write a command and where the channel's name goes, such as \"MODE {channel}\"",
    };
    let (before, behind) = text.split_once(CHANNEL).ok_or(expected)?;
    let is_line = before.ends_with(' ')
        && before.trim_end() != ""
        && (behind.is_empty() || behind.starts_with(' '))
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !is_line || behind.contains(CHANNEL) {
        return Err(expected);
    }
    Ok(ChannelLine {
        before: before.to_owned(),
        behind: behind.to_owned(),
    })
}

fn lead(text: &str) -> Result<Duration, Expected> {
    value::duration(text)
        .ok()
        .filter(|lead| *lead <= LEAD_MAX)
        .ok_or(Expected {
            what: "a duration of at most two seconds",
            help: "write \"2s\"; a run does not know its messages sooner",
        })
}

fn growth(text: &str) -> Result<f64, Expected> {
    value::positive(text)
        .ok()
        .filter(|growth| *growth >= 1.0)
        .ok_or(Expected {
            what: "a number of at least one",
            help: "write 2 for delays that double, 1 for delays that stay",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "basis = \"assumed\"\nsource = \"nothing\"\n[connect]\nrequests = \"each\"\nnick = \"at_once\"\n\
        [welcome]\nafter = \"0s\"\n[pace]\nevery = \"2s\"\norder = \"channels\"\n[[query]]\nsend = \"MODE {channel} b\"\n\
        [ping]\nevery = \"60s\"\ntimeout = \"60s\"\n[reconnect]\nfirst = \"10s\"\n";

    #[track_caller]
    fn check_error(from: &str, to: &str, want: &str) {
        let text = SMALL.replace(from, to);
        assert_ne!(text, SMALL);
        let misread = read("a", &text).unwrap_err();
        assert_eq!(
            format!("{misread} @ {} ? {}", misread.place, misread.help),
            want
        );
    }

    #[test]
    fn what_a_file_leaves_out_is_not_done() {
        let client = read("a", SMALL).unwrap();
        assert_eq!((client.poll, client.typing), (None, None));
        assert_eq!(client.pace.burst, 1);
        assert_eq!(client.retry.longest, Duration::from_secs(10));
        assert_eq!(
            client.queries.first().map(|query| &query.line),
            Some(&ChannelLine {
                before: "MODE ".to_owned(),
                behind: " b".to_owned()
            })
        );
    }

    #[test]
    fn errors_say_what_was_expected_where_and_what_to_do() {
        check_error(
            "each",
            "all",
            "expected \"each\" or \"together\" for `requests`, found `all` @ a.toml:4:12 ? each: a CAP REQ for each capability; together: one for all, and its answer awaited",
        );
        check_error(
            "timeout",
            "timout",
            "[ping] has no `timeout` @ a.toml:13:2 ? add `timeout = …`: write a number with its unit, such as \"250ms\", \"15s\", \"10min\" or \"2h\"",
        );
        check_error(
            "{channel} b",
            "b",
            "expected a line with {channel} in it for `send`, found `MODE b` @ a.toml:12:8 ? write a command and where the channel's name goes, such as \"MODE {channel}\"",
        );
        check_error(
            "[reconnect]\n",
            "[typing]\nlead = \"3s\"\n[reconnect]\n",
            "expected a duration of at most two seconds for `lead`, found `3s` @ a.toml:17:8 ? write \"2s\"; a run does not know its messages sooner",
        );
        check_error(
            "order",
            "burst = 1\nordre",
            "[pace] has no `order` @ a.toml:8:2 ? add `order = …`: channels: all about one channel, then the next; queries: the first about all channels, then the second",
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused_without_panic(text in ".{0,200}") {
            let _ = read("a", &text);
        }
    }
}

//! A fidelity check as one page of HTML: the verdict, the shapes as charts, what gives the traffic away, and every score.

use std::fmt::Write as _;

use html_escape::encode_text;

use crate::report::realism::chart;
use crate::report::realism::chart::Axis;
use crate::report::realism::chart::Line;
use crate::report::realism::chart::Scale;
use crate::report::realism::chart::Who;
use crate::report::realism::text;
use crate::report::realism::words;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::findings::Row;
use crate::traffic::fidelity::findings::Shape;
use crate::traffic::fidelity::findings::Standing;
use crate::traffic::fidelity::score::Score;
use crate::traffic::fidelity::score::Width;

/// The page's style: no file and no font from elsewhere.
const STYLE: &str = include_str!("page.css");

/// Shortest time on an axis, in seconds: below it a one-second clock knows nothing.
const SECS_MIN: f64 = 0.1;

/// Returns the page of a check.
pub fn html(findings: &Findings) -> String {
    let title = format!("Realism of {}", findings.profile);
    let title = encode_text(&title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    head(&mut page, findings);
    charts(&mut page, findings);
    giveaways(&mut page, findings);
    scores(&mut page, findings);
    let _ = writeln!(
        page,
        "<footer>splitstorm {}, seed {}</footer>\n</main>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION"),
        findings.seed
    );
    page
}

fn head(page: &mut String, findings: &Findings) {
    let missed_count = findings.missed().count();
    let (class, word) = if !findings.is_judged() {
        ("none", "nothing claimed".to_owned())
    } else if missed_count == 0 {
        ("met", "every demand met".to_owned())
    } else {
        let judged =
            |row: &&Row| row.demanded.is_some() && !matches!(row.standing, Standing::Unjudged(_));
        let judged_count = findings.rows.iter().filter(judged).count();
        (
            "missed",
            format!("{missed_count} of {judged_count} demands missed"),
        )
    };
    let _ = writeln!(
        page,
        "<header>\n<h1>Realism of {}</h1>\n<p class=\"verdict {class}\">{word}</p>\n</header>",
        encode_text(&findings.profile)
    );
    let _ = writeln!(
        page,
        "<p class=\"facts\">Generator <b>{}</b> against {} events of {} in {} weeks; samples of each fit: {}; \
         short windows of {}.</p>",
        findings.generator.as_str(),
        findings.event_count,
        words::channels(findings.channel_count),
        findings.week_count,
        findings.seed_count,
        words::span_words(findings.window_secs)
    );
    for limit in &findings.limits {
        let words = words::limit_words(limit);
        let _ = writeln!(page, "<p class=\"note\">Note: {}.</p>", encode_text(&words));
    }
    let verdict = text::verdict(findings);
    let _ = writeln!(
        page,
        "<p class=\"facts\">{}</p>",
        encode_text(verdict.trim())
    );
}

fn charts(page: &mut String, findings: &Findings) {
    let shapes = &findings.shapes;
    let lines = |points: &dyn Fn(&Shape) -> Vec<(f64, f64)>| {
        // The last is drawn on top.
        [
            (Who::Poisson, &shapes.poisson),
            (Who::Live, &shapes.live),
            (Who::Generated, &shapes.generated),
        ]
        .map(|(who, shape)| Line {
            who,
            points: points(shape),
        })
    };
    let time = |title| Axis {
        title,
        scale: Scale::Log,
        label: &time_words,
    };
    let share = Axis {
        title: "share below",
        scale: Scale::Linear,
        label: &percent,
    };
    let hours = Axis {
        title: "day of the week, UTC",
        scale: Scale::Linear,
        label: &day,
    };
    let talk_share = Axis {
        title: "share of talk",
        scale: Scale::Linear,
        label: &percent,
    };
    let fano = Axis {
        title: "variance over mean",
        scale: Scale::Log,
        label: &plain,
    };
    let drawn = [
        (
            "Gaps between events of a channel",
            chart::svg(time("gap"), share, &lines(&|shape| cumulative(&shape.gaps))),
        ),
        (
            "Burstiness: counts in bins of growing width",
            chart::svg(time("width of bins"), fano, &lines(&fano_points)),
        ),
        (
            "Talk by hour of the week",
            chart::svg(hours, talk_share, &lines(&hour_points)),
        ),
        (
            "Stays: from JOIN to QUIT or PART",
            chart::svg(
                time("stay"),
                share,
                &lines(&|shape| cumulative(&shape.stays)),
            ),
        ),
    ];
    if drawn.iter().all(|(_, svg)| svg.is_none()) {
        return;
    }
    page.push_str("<p class=\"legend\">");
    for (who, name) in [
        (Who::Live, "live"),
        (Who::Generated, "generated, first sample"),
        (Who::Poisson, "Poisson"),
    ] {
        let colour = who.colour();
        let class = if who == Who::Poisson {
            "dashed"
        } else {
            "line"
        };
        let _ = write!(
            page,
            "<span><i class=\"{class}\" style=\"color:#{:02x}{:02x}{:02x}\"></i>{name}</span>",
            colour.0, colour.1, colour.2
        );
    }
    page.push_str("</p>\n<div class=\"charts\">\n");
    for (title, svg) in drawn {
        if let Some(svg) = svg {
            let _ = writeln!(
                page,
                "<figure>\n<figcaption>{title}</figcaption>\n{svg}</figure>"
            );
        }
    }
    page.push_str("</div>\n");
    let waits = [&shapes.live, &shapes.generated, &shapes.poisson].map(|shape| shape.wait_p99);
    if let [Some(live), Some(generated), Some(poisson)] = waits {
        let _ = writeln!(
            page,
            "<p class=\"facts\">Queue wait at 70 % load, 99th percentile, in times of service: live <b>{live:.0}</b>, \
             generated <b>{generated:.0}</b>, Poisson <b>{poisson:.0}</b>.</p>"
        );
    }
}

fn giveaways(page: &mut String, findings: &Findings) {
    if findings.giveaways.is_empty() {
        return;
    }
    page.push_str("<h2>What gives it away</h2>\n<div class=\"charts\">\n");
    for width in [Width::Short, Width::Day] {
        let told = || {
            let of_width = findings.giveaways.iter().filter(|one| one.width == width);
            of_width.take(words::GIVEAWAY_COUNT)
        };
        let most = told().map(|one| one.gain).fold(0.0, f64::max);
        if most <= 0.0 {
            continue;
        }
        let title = match width {
            Width::Short => format!("In windows of {}", words::span_words(findings.window_secs)),
            Width::Day => "In days".to_owned(),
        };
        let _ = writeln!(
            page,
            "<table class=\"bars\">\n<caption>{title}</caption>\n<tr><th>feature<th>share of the classifier's gain\
             <th class=\"n\">KS<th class=\"n\">live, median<th class=\"n\">generated</tr>"
        );
        for one in told() {
            let _ = writeln!(
                page,
                "<tr><td>{}<td><i class=\"bar\" style=\"width:{:.1}%\"></i><small>{:.0} %</small><td class=\"n\">{:.2}\
                 <td class=\"n\">{:.2}<td class=\"n\">{:.2}</tr>",
                encode_text(one.feature),
                one.gain / most * BAR_PERCENT,
                one.gain * 100.0,
                one.distance,
                one.live.median,
                one.generated.median
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("</div>\n");
}

/// Width of the longest bar in percent of its cell: its number stands beside it.
const BAR_PERCENT: f64 = 75.0;

fn scores(page: &mut String, findings: &Findings) {
    page.push_str(
        "<h2>Scores</h2>\n<table class=\"scores\">\n<thead><tr><th>score<th class=\"n\">live against live<th class=\"n\">\
         fit to the whole<th class=\"n\">generated<th class=\"n\">Poisson<th class=\"n\">demanded<th class=\"n\">aimed at<th>\
         </tr></thead>\n",
    );
    let mut was_auc = true;
    for row in &findings.rows {
        let is_auc = matches!(row.score, Score::Auc(..));
        let class = if was_auc && !is_auc {
            " class=\"rule\""
        } else {
            ""
        };
        was_auc = is_auc;
        let (mark_class, mark) = match row.standing {
            Standing::Aimed => ("met", "as aimed at"),
            Standing::Met => ("met", "met"),
            Standing::Missed => ("missed", "missed"),
            Standing::Shown => ("none", ""),
            Standing::Unjudged(reason) => ("none", words::reason_words(reason)),
        };
        let generated = row.generated.map_or_else(String::new, |value| {
            format!("{:.3} <small>± {:.3}</small>", value.mean, value.spread)
        });
        let number =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
        let _ = writeln!(
            page,
            "<tr{class}><td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n strong\">{generated}<td class=\"n\">{}\
             <td class=\"n\">{}<td class=\"n\">{}<td class=\"{mark_class}\">{mark}</tr>",
            encode_text(&row.score.name()),
            number(row.real),
            number(row.whole_fit),
            number(row.poisson),
            number(row.demanded),
            number(row.aimed),
        );
    }
    page.push_str(
        "</table>\n<p class=\"facts\">AUC: how well a classifier tells generated windows from live ones; .5 not at all, 1 \
         always. <i>Weeks</i>: odd weeks fitted and even ones compared, and the other way round. <i>Halves</i>: the first half \
         fitted and the last compared, over what a fit to the whole reaches. <i>Traffic</i>: counts, gaps, lengths, turns; \
         <i>identity</i>: also who is who. KS: the largest distance of distribution functions. JS: divergence in bits. ln Fano: \
         logarithm of the ratio of variance over mean of counts.</p>\n",
    );
}

/// Returns the distribution function that evenly spaced quantiles draw.
fn cumulative(quantiles: &[f64]) -> Vec<(f64, f64)> {
    let levels = (0_u32..).map(f64::from);
    let last = levels
        .clone()
        .zip(quantiles)
        .last()
        .map_or(1.0, |(level, _)| level);
    quantiles
        .iter()
        .zip(levels)
        .map(|(&secs, level)| (secs.max(SECS_MIN), level / last))
        .collect()
}

fn fano_points(shape: &Shape) -> Vec<(f64, f64)> {
    let points = shape.fano.iter();
    points
        .map(|&(secs, fano)| (f64::from(secs), fano))
        .collect()
}

fn hour_points(shape: &Shape) -> Vec<(f64, f64)> {
    let days = (0_u32..).map(|hour| f64::from(hour) / 24.0);
    days.zip(shape.hours.iter().copied()).collect()
}

/// Returns a time in seconds as a tick says it.
fn time_words(secs: f64) -> String {
    let rounded = |value: f64, unit: &str| {
        if value < 10.0 && (value - value.round()).abs() > 0.05 {
            format!("{value:.1} {unit}")
        } else {
            format!("{value:.0} {unit}")
        }
    };
    if secs < 300.0 {
        rounded(secs, "s")
    } else if secs < 3_600.0 {
        rounded(secs / 60.0, "min")
    } else if secs < 172_800.0 {
        rounded(secs / 3_600.0, "h")
    } else {
        rounded(secs / 86_400.0, "d")
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 10.0 && (percent - percent.round()).abs() > 0.05 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

fn plain(value: f64) -> String {
    if value < 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Returns the day that begins at a tick of days since Monday.
fn day(days: f64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let begins = |number: u32| (days - f64::from(number)).abs() < 1e-6;
    let day = DAYS
        .into_iter()
        .zip(0_u32..)
        .find(|&(_, number)| begins(number));
    day.map_or_else(String::new, |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::findings::examples;

    #[track_caller]
    fn check(found: impl AsRef<str>, want: &str) {
        assert_eq!(found.as_ref(), want);
    }

    #[test]
    fn ticks_are_in_words() {
        check(time_words(0.1), "0.1 s");
        check(time_words(100.0), "100 s");
        check(time_words(1_000.0), "17 min");
        check(time_words(10_000.0), "2.8 h");
        check(time_words(1e6), "12 d");
        check(percent(0.2), "20 %");
        check(percent(0.012), "1.2 %");
        check(day(0.0), "Mon");
        check(day(2.0), "Wed");
        check(day(2.5), "");
        check(day(7.0), "");
    }

    #[test]
    fn a_page_is_whole_and_asks_for_nothing_from_elsewhere() {
        let page = html(&examples::findings());
        for part in [
            "Realism of &lt;oak&gt;",
            "1 of 2 demands missed",
            "gaps, KS",
            "speakers",
            "the log's clock ticks more rarely",
            "odd and even weeks are compared from sixteen on",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert_eq!(page.matches("<svg").count(), 4);
        for part in ["<script", "<link", "url(", "@import", "src="] {
            assert!(!page.contains(part), "{part}");
        }
        // The only address is the name of SVG's vocabulary.
        assert_eq!(
            page.matches("://").count(),
            page.matches("http://www.w3.org/2000/svg").count()
        );
    }

    #[test]
    fn quantiles_draw_a_distribution_function() {
        assert_eq!(
            cumulative(&[0.0, 4.0, 8.0]),
            [(SECS_MIN, 0.0), (4.0, 0.5), (8.0, 1.0)]
        );
        assert_eq!(cumulative(&[]), []);
    }
}

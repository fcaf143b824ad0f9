//! Charts of live, generated and Poisson traffic as SVG.

use std::error::Error;

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::drawing::IntoDrawingArea;
use plotters::prelude::IntoLogRange;
use plotters::series::DashedLineSeries;
use plotters::series::LineSeries;
use plotters::style::Color;
use plotters::style::IntoFont;
use plotters::style::RGBColor;
use plotters::style::ShapeStyle;

/// Size of a chart in pixels; a page scales it.
const SIZE: (u32, u32) = (580, 300);

/// Colour of the axes' words.
const INK: RGBColor = RGBColor(0x44, 0x4a, 0x52);
/// Colour of the grid.
const GRID: RGBColor = RGBColor(0xe6, 0xe8, 0xeb);

/// Whose line it is: the order of drawing, so that what matters lies on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The baseline.
    Poisson,
    /// Generated traffic.
    Generated,
    /// Live traffic.
    Live,
}

impl Who {
    /// Returns the line's colour; they differ in lightness too, for printers.
    pub(crate) fn colour(self) -> RGBColor {
        match self {
            Self::Poisson => RGBColor(0xd9, 0x7a, 0x1e),
            Self::Generated => RGBColor(0x1f, 0x77, 0xc9),
            Self::Live => RGBColor(0x16, 0x1b, 0x22),
        }
    }
}

/// How an axis runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// Evenly.
    Linear,
    /// By powers of ten.
    Log,
}

/// One axis.
#[derive(Clone, Copy)]
pub(crate) struct Axis<'a> {
    pub(crate) title: &'a str,
    pub(crate) scale: Scale,
    /// What stands at a tick.
    pub(crate) label: &'a dyn Fn(f64) -> String,
}

/// One line.
pub(crate) struct Line {
    pub(crate) who: Who,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Returns a chart, or `None` if there is nothing to draw.
pub(crate) fn svg(x: Axis<'_>, y: Axis<'_>, lines: &[Line]) -> Option<String> {
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let x_range = range(x.scale, points().map(|point| point.0))?;
    let y_range = range(y.scale, points().map(|point| point.1))?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, (x, x_range), (y, y_range), lines).ok()?;
    }
    Some(svg)
}

/// Returns the ends of an axis that holds these values.
fn range(scale: Scale, values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let shown =
        values.filter(|value| value.is_finite() && (scale == Scale::Linear || *value > 0.0));
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low >= high {
        return None;
    }
    Some(match scale {
        Scale::Log => (low, high),
        // A linear axis starts at nothing, and leaves room above.
        Scale::Linear => (low.min(0.0), high * 1.02),
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(
    area: &Area<'_>,
    (x, x_range): (Axis<'_>, (f64, f64)),
    (y, y_range): (Axis<'_>, (f64, f64)),
    lines: &[Line],
) -> Result<(), Box<dyn Error>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .margin(8)
        .margin_right(16)
        .x_label_area_size(44)
        .y_label_area_size(64);
    // Four kinds of pairs of axes, each a type of its own.
    macro_rules! drawn {
        ($x:expr, $y:expr) => {{
            let mut chart = builder.build_cartesian_2d($x, $y)?;
            let words = ("sans-serif", 14).into_font().color(&INK);
            let titles = ("sans-serif", 15).into_font().color(&INK);
            chart
                .configure_mesh()
                .light_line_style(GRID.mix(0.0))
                .bold_line_style(GRID)
                .axis_style(INK.mix(0.6))
                .label_style(words)
                .axis_desc_style(titles)
                .x_desc(x.title)
                .y_desc(y.title)
                .x_labels(8)
                .y_labels(6)
                .x_label_formatter(&|value| (x.label)(*value))
                .y_label_formatter(&|value| (y.label)(*value))
                .draw()?;
            for line in lines {
                let style: ShapeStyle = line.who.colour().stroke_width(2);
                let points = line.points.iter().copied();
                if line.who == Who::Poisson {
                    chart.draw_series(DashedLineSeries::new(points, 6, 4, style))?;
                } else {
                    chart.draw_series(LineSeries::new(points, style))?;
                }
            }
        }};
    }
    let (x_ends, y_ends) = (x_range.0..x_range.1, y_range.0..y_range.1);
    match (x.scale, y.scale) {
        (Scale::Linear, Scale::Linear) => drawn!(x_ends, y_ends),
        (Scale::Log, Scale::Linear) => drawn!(x_ends.log_scale(), y_ends),
        (Scale::Linear, Scale::Log) => drawn!(x_ends, y_ends.log_scale()),
        (Scale::Log, Scale::Log) => drawn!(x_ends.log_scale(), y_ends.log_scale()),
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: f64) -> String {
        value.to_string()
    }

    #[test]
    fn lines_become_paths_between_labelled_axes() {
        let axis = |title, scale| Axis {
            title,
            scale,
            label: &plain,
        };
        let lines = [Who::Poisson, Who::Live].map(|who| Line {
            who,
            points: vec![(1.0, 2.0), (10.0, 3.0), (100.0, 5.0)],
        });
        let (x, y) = (axis("seconds", Scale::Log), axis("events", Scale::Linear));
        let svg = svg(x, y, &lines).unwrap();
        for part in ["<svg", "seconds", "events", "#161B22", "#D97A1E"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn nothing_gives_no_chart() {
        let axis = Axis {
            title: "",
            scale: Scale::Log,
            label: &plain,
        };
        assert_eq!(svg(axis, axis, &[]), None);
        let line = Line {
            who: Who::Live,
            points: vec![(0.0, 0.0), (-1.0, f64::NAN)],
        };
        assert_eq!(svg(axis, axis, &[line]), None);
    }
}

//! Growth curves as SVG files.

use crate::report::Curve;
use anyhow::{Result, anyhow};
use plotters::prelude::{
    ChartBuilder, Circle, Color, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, RGBColor,
    SVGBackend, SeriesLabelPosition, WHITE,
};
use std::path::Path;

const SIZE: (u32, u32) = (720, 420);
/// Told apart also by people who see colours otherwise.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 90, 160),
    RGBColor(213, 94, 0),
    RGBColor(0, 130, 90),
    RGBColor(150, 60, 140),
];

/// Draws a curve on logarithmic axes; nothing if it has no points.
pub(crate) fn draw(curve: &Curve, directory: &Path) -> Result<()> {
    let points: Vec<(f64, f64)> = curve
        .lines
        .iter()
        .flat_map(|line| line.points.iter().copied())
        .filter(|point| point.0 > 0.0 && point.1 > 0.0)
        .collect();
    if points.is_empty() {
        return Ok(());
    }
    let path = directory.join(format!("{}.svg", curve.file));
    paint(curve, &points, &path).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn paint(
    curve: &Curve,
    points: &[(f64, f64)],
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let span = |of: fn(&(f64, f64)) -> f64| {
        let least = points.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = points.iter().map(of).fold(0.0, f64::max);
        (least / 1.5)..(most * 1.5)
    };
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&curve.title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(span(|p| p.0).log_scale(), span(|p| p.1).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(&curve.across)
        .y_desc(&curve.up)
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    for (line, colour) in curve.lines.iter().zip(COLOURS.iter().cycle()) {
        let shown = || {
            let points = line.points.iter().copied();
            points.filter(|point| point.0 > 0.0 && point.1 > 0.0)
        };
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(shown(), colour.stroke_width(2)))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(shown().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 15))
        .background_style(WHITE.filled())
        .draw()?;
    area.present()?;
    Ok(())
}

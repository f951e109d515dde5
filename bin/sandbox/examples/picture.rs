//! Plays the tutorial and draws the acts about keys as an SVG, on standard output: `make picture`
//! keeps it in docs/demo.svg.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Parser as _;
use leasehold_sandbox_bin::args::Args;
use leasehold_sandbox_bin::running::Running;
use leasehold_sandbox_bin::tutorial::play;
use leasehold_sandbox_bin::tutorial::screen::Style;

const WIDTH: usize = 100;
/// Of a character and a line, in pixels.
const CELL: (f64, usize) = (8.43, 19);
const MARGIN: usize = 16;
/// Titles of what is drawn; the rest of the play is longer than a page.
const DRAWN: [&str; 4] = [
    "Leasehold at work",
    "3  A key",
    "9  An hour",
    "What people fear",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let running = Running::start(&Args::parse_from(["leasehold-sandbox"])).await?;
    let style = Style {
        colour: true,
        live: false,
        width: WIDTH,
    };
    let mut played = Vec::new();
    play(running, style, &mut played).await?;
    let text = String::from_utf8(played)?;
    std::io::stdout().write_all(svg(&chosen(&text)).as_bytes())?;
    Ok(())
}

/// The lines of the parts that are drawn.
fn chosen(text: &str) -> Vec<&str> {
    let mut is_drawn = false;
    let mut lines = vec!["\x1b[36m$ make demo\x1b[0m"];
    for line in text.lines() {
        let title = line.strip_prefix("\x1b[1m");
        if let Some(title) = title {
            is_drawn = DRAWN.iter().any(|drawn| title.starts_with(drawn));
        }
        let is_end = line.contains("All is well");
        if is_drawn || is_end {
            lines.push(line);
        }
    }
    lines
}

fn svg(lines: &[&str]) -> String {
    let (cell, height) = CELL;
    let width = WIDTH as f64 * cell + 2.0 * MARGIN as f64;
    let tall = lines.len() * height + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {tall}\" role=\"img\" \
         aria-label=\"What make demo prints\" font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#10151c\"/>\n"
    );
    for (at, line) in lines.iter().enumerate() {
        let y = MARGIN + (at + 1) * height - 5;
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\" fill=\"#d3dae3\">{}</text>",
            spans(line)
        );
    }
    svg + "</svg>\n"
}

/// A line with the terminal's codes, as pieces with colours.
fn spans(line: &str) -> String {
    let mut column = 0;
    let mut text = String::new();
    for piece in line.split("\x1b[").filter(|piece| !piece.is_empty()) {
        let coded = piece.split_once('m').filter(|_| line.contains("\x1b["));
        let (code, words) = coded
            .filter(|(code, _)| code.chars().all(|c| c.is_ascii_digit() || c == ';'))
            .unwrap_or(("0", piece));
        // Where each piece begins is said: fonts differ in how wide they draw these signs.
        let x = MARGIN as f64 + column as f64 * CELL.0;
        column += words.chars().count();
        if !words.is_empty() {
            let _ = write!(
                text,
                "<tspan x=\"{x:.1}\"{}>{}</tspan>",
                look(code),
                escaped(words)
            );
        }
    }
    text
}

fn look(code: &str) -> &'static str {
    match code {
        "1" => " fill=\"#ffffff\" font-weight=\"bold\"",
        "36" => " fill=\"#7fd1e8\"",
        "2" => " fill=\"#8b98a8\"",
        "32" => " fill=\"#7bc47f\"",
        "1;31" => " fill=\"#e5736f\" font-weight=\"bold\"",
        "33" => " fill=\"#e0b463\"",
        _ => "",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
